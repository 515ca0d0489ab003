package tutti.common.shard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import tutti.common.error.TuttiException;
import tutti.common.protocol.StepShard;

class BatchPlanTest {

    @ParameterizedTest
    @CsvSource({"16,1,4", "16,4,4", "17,4,8", "5,4,4", "1000,3,12", "7,7,7", "9,2,64"})
    void shouldUseEverySampleExactlyOnceAnEpochForAnyCountAndWorldSize(int samples, int world, int globalBatch) {
        for (EpochOrder order : EpochOrder.values()) {
            assertUsesEverySampleOnceAnEpoch(new BatchPlan(samples, world, globalBatch, order, 7), samples, world);
        }
    }

    private static void assertUsesEverySampleOnceAnEpoch(BatchPlan plan, int samples, int world) {
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
        BatchPlan plan = new BatchPlan(1000, 2, 8, EpochOrder.SHUFFLED, (long epoch) -> {
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

    @ParameterizedTest
    @EnumSource
    void shouldKeepTheGlobalOrderWhateverTheWorldSize(EpochOrder order) {
        for (int world : new int[] {1, 2, 4}) {
            BatchPlan plan = new BatchPlan(103, world, 16, order, 42);
            for (long step = 0; step < 2 * plan.stepsPerEpoch(); step++) {
                long s = step;
                int[] joined = IntStream.range(0, world)
                        .mapToObj(rank -> plan.shard(s, rank))
                        .flatMapToInt(Arrays::stream)
                        .toArray();
                assertThat(joined).isEqualTo(new BatchPlan(103, 1, 16, order, 42).globalBatch(step));
            }
        }
    }

    @Test
    void shouldDealShardsThatDifferByAtMostOneSample() {
        BatchPlan plan = new BatchPlan(21, 4, 8, EpochOrder.FILE, 0);
        int[] sizes =
                IntStream.range(0, 4).map(rank -> plan.shard(2, rank).length).toArray();
        assertThat(sizes).containsExactlyInAnyOrder(1, 1, 1, 2);
    }

    /** However many workers there are, each virtual rank has the samples that it has as a worker of its own. */
    @ParameterizedTest
    @CsvSource({"4,4", "4,2", "4,1", "6,3", "6,6", "1,1"})
    void shouldDealAWorkerTheShardsOfItsBlockOfVirtualRanks(int virtualRanks, int workers) {
        BatchPlan plan = new BatchPlan(103, virtualRanks, 24, EpochOrder.SHUFFLED, 42);
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
        BatchPlan file = new BatchPlan(8, 1, 4, EpochOrder.FILE, 1);
        assertThat(file.globalBatch(0)).containsExactly(0, 1, 2, 3);
        assertThat(file.globalBatch(3)).containsExactly(4, 5, 6, 7);
        BatchPlan shuffled = new BatchPlan(100, 1, 100, EpochOrder.SHUFFLED, 1);
        assertThat(shuffled.globalBatch(0)).isNotEqualTo(shuffled.globalBatch(1));
        assertThat(shuffled.globalBatch(0))
                .isEqualTo(new BatchPlan(100, 1, 100, EpochOrder.SHUFFLED, 1).globalBatch(0));
        assertThat(shuffled.globalBatch(0))
                .isNotEqualTo(new BatchPlan(100, 1, 100, EpochOrder.SHUFFLED, 2).globalBatch(0));
    }

    /** Numbers are ranks by length: a batch spans few of them, but for the one that was moved to the front. */
    @Test
    void shouldGroupLikeLengthsAndBeginWithTheLongest() {
        BatchPlan plan = new BatchPlan(10_000, 2, 10, EpochOrder.LENGTH_GROUPED, 42);
        for (long epoch = 0; epoch < 3; epoch++) {
            long first = epoch * plan.stepsPerEpoch();
            assertThat(plan.globalBatch(first)[0]).isEqualTo(9_999);
            double span = 0;
            for (long step = first + 1; step < first + plan.stepsPerEpoch(); step++) {
                int[] batch = plan.globalBatch(step);
                span += Arrays.stream(batch).max().getAsInt()
                        - Arrays.stream(batch).min().getAsInt();
            }
            // 50 batches share 10,000 lengths: 180 apart, where shuffled ones are 8,182.
            assertThat(span / plan.stepsPerEpoch()).isLessThan(300);
        }
        assertThat(plan.globalBatch(1)).isNotEqualTo(plan.globalBatch(1 + plan.stepsPerEpoch()));
    }

    /** 50 global batches, or a quarter of the epoch where that is less, each descending: as LengthGroupedSampler's. */
    @ParameterizedTest
    @CsvSource({"10000,10,500", "1000,10,250", "1003,10,250", "39,10,10", "7,10,10"})
    void shouldSortMegabatchesDescending(int samples, int globalBatch, int megabatch) {
        int[] order = EpochOrder.LENGTH_GROUPED.of(samples, globalBatch, 1, 0);
        int[] shuffled = EpochOrder.shuffled(samples, 1, 0);
        int longest = IntStream.range(0, samples)
                        .filter(at -> shuffled[at] == samples - 1)
                        .sum()
                / megabatch
                * megabatch;
        int first = order[longest];
        order[longest] = order[0];
        order[0] = first;
        for (int from = 0; from < samples; from += megabatch) {
            int[] descending = Arrays.stream(shuffled, from, Math.min(samples, from + megabatch))
                    .map(number -> -number)
                    .sorted()
                    .map(number -> -number)
                    .toArray();
            assertThat(Arrays.copyOfRange(order, from, from + descending.length))
                    .isEqualTo(descending);
        }
    }

    /** The worker has no other way to know it: a rounded fraction must tell, too. */
    @Test
    void shouldTellFromTheFractionInWhichEpochAStepIs() {
        Random random = new Random(5);
        for (int round = 0; round < 20_000; round++) {
            int samples = 1 + random.nextInt(1 << random.nextInt(1, 31));
            int globalBatch = 1 + random.nextInt(random.nextBoolean() ? 8 : samples);
            BatchPlan plan = new BatchPlan(samples, 1, globalBatch, EpochOrder.FILE, 0);
            long epoch = random.nextInt(1 << random.nextInt(1, 21));
            long last = plan.stepsPerEpoch() - 1;
            for (long inEpoch : new long[] {0, last, random.nextLong(last + 1), Math.max(0, last - 1)}) {
                long step = epoch * plan.stepsPerEpoch() + inEpoch;
                assertThat(new StepShard(step, new int[0][], plan.epochAfter(step + 1)).inEpoch())
                        .as("step %d of %d samples in batches of %d", step, samples, globalBatch)
                        .isEqualTo(epoch);
            }
        }
    }

    @Test
    void shouldCountStepsByEpochsOrByMaxSteps() {
        BatchPlan plan = new BatchPlan(500, 2, 64, EpochOrder.SHUFFLED, 1);
        assertThat(plan.stepsPerEpoch()).isEqualTo(8);
        assertThat(plan.totalSteps(3, -1)).isEqualTo(24);
        assertThat(plan.totalSteps(0.5, -1)).isEqualTo(4);
        assertThat(plan.totalSteps(3, 5)).isEqualTo(5);
        assertThat(plan.epochAfter(8)).isEqualTo(1.0);
        assertThat(plan.epochAfter(4)).isEqualTo(0.512);
    }

    @Test
    void shouldRefuseFewerSamplesThanVirtualRanks() {
        assertThatThrownBy(() -> new BatchPlan(3, 4, 4, EpochOrder.SHUFFLED, 1))
                .isInstanceOf(TuttiException.class)
                .hasMessageContaining(
                        "3 usable samples (or packs of them) are fewer than 4 virtual ranks; use at most --virtual_ranks 3");
    }
}
