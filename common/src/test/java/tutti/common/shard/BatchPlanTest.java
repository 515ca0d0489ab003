package tutti.common.shard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tutti.common.error.TuttiException;

class BatchPlanTest {

    @ParameterizedTest
    @CsvSource({"16,1,4", "16,4,4", "17,4,8", "5,4,4", "1000,3,12", "7,7,7", "9,2,64"})
    void shouldUseEverySampleExactlyOnceAnEpochForAnyCountAndWorldSize(int samples, int world, int globalBatch) {
        BatchPlan plan = new BatchPlan(samples, world, globalBatch, true, 7);
        for (int epoch = 0; epoch < 3; epoch++) {
            int[] seen = new int[samples];
            for (long step = epoch * plan.stepsPerEpoch(); step < (epoch + 1) * plan.stepsPerEpoch(); step++) {
                for (int rank = 0; rank < world; rank++) {
                    for (int sample : plan.shard(step, rank)) {
                        seen[sample]++;
                    }
                }
            }
            assertThat(seen).containsOnly(1);
        }
    }

    /** By counts: a run that goes on at sample one million asks for one order, as one at zero does, and looks at one batch of it. */
    @Test
    void shouldFindItsPlaceWithoutPassingThroughWhatIsBehind() {
        List<Long> asked = new ArrayList<>();
        BatchPlan plan = new BatchPlan(1000, 2, 8, true, (long epoch) -> {
            asked.add(epoch);
            return EpochOrder.shuffled(1000, 42, epoch);
        });
        assertThat(plan.stepsPerEpoch()).isEqualTo(125);
        long step = 125 * 1_000_000_000L + 7;
        int[] batch = plan.globalBatch(step);
        assertThat(asked).containsExactly(1_000_000_000L);
        assertThat(batch).isEqualTo(Arrays.copyOfRange(EpochOrder.shuffled(1000, 42, 1_000_000_000L), 56, 64));
        assertThat(plan.shard(step, 0)).isEqualTo(Arrays.copyOfRange(batch, 0, 4));
        assertThat(plan.shard(step + 117, 1)).hasSize(4);
        assertThat(asked).as("once an epoch").hasSize(1);
        plan.shard(step + 118, 0);
        assertThat(asked).containsExactly(1_000_000_000L, 1_000_000_001L);
    }

    @Test
    void shouldKeepTheGlobalOrderWhateverTheWorldSize() {
        for (int world : new int[] {1, 2, 4}) {
            BatchPlan plan = new BatchPlan(103, world, 16, true, 42);
            for (long step = 0; step < 2 * plan.stepsPerEpoch(); step++) {
                long s = step;
                int[] joined = IntStream.range(0, world)
                        .mapToObj(rank -> plan.shard(s, rank))
                        .flatMapToInt(Arrays::stream)
                        .toArray();
                assertThat(joined).isEqualTo(new BatchPlan(103, 1, 16, true, 42).globalBatch(step));
            }
        }
    }

    @Test
    void shouldDealShardsThatDifferByAtMostOneSample() {
        BatchPlan plan = new BatchPlan(21, 4, 8, false, 0);
        int[] sizes =
                IntStream.range(0, 4).map(rank -> plan.shard(2, rank).length).toArray();
        assertThat(sizes).containsExactlyInAnyOrder(1, 1, 1, 2);
    }

    /** However many workers there are, each virtual rank has the samples that it has as a worker of its own. */
    @ParameterizedTest
    @CsvSource({"4,4", "4,2", "4,1", "6,3", "6,6", "1,1"})
    void shouldDealAWorkerTheShardsOfItsBlockOfVirtualRanks(int virtualRanks, int workers) {
        BatchPlan plan = new BatchPlan(103, virtualRanks, 24, true, 42);
        for (long step = 0; step < 2 * plan.stepsPerEpoch(); step++) {
            int virtualRank = 0;
            for (int worker = 0; worker < workers; worker++) {
                for (int[] shard : plan.shards(step, worker, workers)) {
                    assertThat(shard).isEqualTo(plan.shard(step, virtualRank++));
                }
            }
            assertThat(virtualRank).isEqualTo(virtualRanks);
        }
    }

    @Test
    void shouldTakeFileOrderWithoutShuffleAndAnotherOrderEachEpochWithIt() {
        BatchPlan file = new BatchPlan(8, 1, 4, false, 1);
        assertThat(file.globalBatch(0)).containsExactly(0, 1, 2, 3);
        assertThat(file.globalBatch(3)).containsExactly(4, 5, 6, 7);
        BatchPlan shuffled = new BatchPlan(100, 1, 100, true, 1);
        assertThat(shuffled.globalBatch(0)).isNotEqualTo(shuffled.globalBatch(1));
        assertThat(shuffled.globalBatch(0)).isEqualTo(new BatchPlan(100, 1, 100, true, 1).globalBatch(0));
        assertThat(shuffled.globalBatch(0)).isNotEqualTo(new BatchPlan(100, 1, 100, true, 2).globalBatch(0));
    }

    @Test
    void shouldCountStepsByEpochsOrByMaxSteps() {
        BatchPlan plan = new BatchPlan(500, 2, 64, true, 1);
        assertThat(plan.stepsPerEpoch()).isEqualTo(8);
        assertThat(plan.totalSteps(3, -1)).isEqualTo(24);
        assertThat(plan.totalSteps(0.5, -1)).isEqualTo(4);
        assertThat(plan.totalSteps(3, 5)).isEqualTo(5);
        assertThat(plan.epochAfter(8)).isEqualTo(1.0);
        assertThat(plan.epochAfter(4)).isEqualTo(0.512);
    }

    @Test
    void shouldRefuseFewerSamplesThanVirtualRanks() {
        assertThatThrownBy(() -> new BatchPlan(3, 4, 4, true, 1))
                .isInstanceOf(TuttiException.class)
                .hasMessageContaining("3 usable samples are fewer than 4 virtual ranks; use at most --virtual_ranks 3");
    }
}
