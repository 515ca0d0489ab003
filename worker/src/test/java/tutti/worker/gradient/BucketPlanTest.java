package tutti.worker.gradient;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tutti.worker.model.ParameterSpec;
import tutti.worker.tensor.Shape;
import tutti.worker.tune.FlatLayout;
import tutti.worker.tune.ShardLayout.Segment;

class BucketPlanTest {
    private static final FlatLayout LAYOUT = new FlatLayout(List.of(
            new ParameterSpec("embedding", Shape.of(400, 50), 0),
            new ParameterSpec("norm 1", Shape.of(50), 1),
            new ParameterSpec("block 1", Shape.of(30, 1000), 1),
            new ParameterSpec("norm 2", Shape.of(50), 2),
            new ParameterSpec("head", Shape.of(401, 50), 2)));

    @Test
    void shouldPutNormsFirstAndCompleteThemWithTheFirstPart() {
        assertThat(LAYOUT.slot("norm 1").start()).isZero();
        assertThat(LAYOUT.slot("norm 2").start()).isEqualTo(64);
        assertThat(LAYOUT.replicated()).isEqualTo(128);
        assertThat(LAYOUT.slot("embedding").start()).isEqualTo(128);
        assertThat(LAYOUT.partStart(0)).isZero();
        assertThat(LAYOUT.partStart(1)).isEqualTo(LAYOUT.slot("block 1").start());
        assertThat(LAYOUT.partStart(2)).isEqualTo(LAYOUT.slot("head").start());
    }

    @ParameterizedTest
    @CsvSource({"2,1000,false", "2,1000,true", "3,30000,true", "8,100000,true", "5,1000000,true", "1,5000,true"})
    void shouldCoverEveryElementOnce(int ranks, int bucketBytes, boolean sharded) {
        BucketPlan plan = new BucketPlan(LAYOUT, Float.BYTES, bucketBytes, ranks, sharded);
        long end = ranks == 1 ? LAYOUT.size() : 0;
        for (BucketPlan.Bucket bucket : plan.ascending()) {
            assertThat(bucket.start()).isEqualTo(end);
            assertThat(bucket.count()).isPositive();
            end = bucket.end();
        }
        assertThat(end).isEqualTo(LAYOUT.size());

        List<Segment> matrices = new ArrayList<>();
        for (int rank = 0; rank < ranks; rank++) {
            List<Segment> segments = plan.shard(rank).segments();
            long at = 0;
            for (Segment segment : segments) {
                assertThat(segment.at()).isEqualTo(at);
                at += segment.count();
            }
            assertThat(plan.shard(rank).within(0, LAYOUT.replicated()))
                    .as("norms are everybody's")
                    .containsExactly(new Segment(0, LAYOUT.replicated(), 0));
            matrices.addAll(plan.shard(rank).within(LAYOUT.replicated(), LAYOUT.size()));
        }
        matrices.sort(Comparator.comparingLong(Segment::start));
        long copies = sharded || ranks == 1 ? 1 : ranks;
        assertThat(matrices.stream().mapToLong(Segment::count).sum())
                .isEqualTo(copies * (LAYOUT.size() - LAYOUT.replicated()));
    }

    /** The last elements travel first: what backward has done of the head is on its way while it does the blocks. */
    @Test
    void shouldSendALittleFirstAndTheRestInLargeOnes() {
        FlatLayout large = new FlatLayout(List.of(new ParameterSpec("w", Shape.of(1000, 1000), 0)));
        List<Integer> bytes = new BucketPlan(large, Float.BYTES, 2 << 20, 2, false)
                .ascending().stream()
                        .map(bucket -> bucket.count() * Float.BYTES)
                        .toList();
        assertThat(bytes.get(bytes.size() - 1)).isEqualTo(1 << 20);
        assertThat(bytes.get(bytes.size() - 2)).isEqualTo(2 << 20);
        List<Integer> small = new BucketPlan(large, Float.BYTES, 100_000, 2, false)
                .ascending().stream()
                        .map(bucket -> bucket.count() * Float.BYTES)
                        .toList();
        assertThat(small.get(small.size() - 1)).as("never more than asked for").isEqualTo(100_000);
    }

    /** Over all buckets, even where each has fewer grains than there are ranks. */
    @ParameterizedTest
    @CsvSource({"2,1048576", "3,5000", "3,60000", "7,30000", "8,1000", "64,5000", "100,1000"})
    void shouldGiveEveryRankAboutTheSame(int ranks, int bucketBytes) {
        BucketPlan plan = new BucketPlan(LAYOUT, Float.BYTES, bucketBytes, ranks, true);
        long fair = (LAYOUT.size() - LAYOUT.replicated()) / ranks;
        long first = plan.shard(0).size();
        for (int rank = 0; rank < ranks; rank++) {
            assertThat(plan.shard(rank).size() - LAYOUT.replicated())
                    .isBetween(fair - 2L * LAYOUT.grain(), fair + 2L * LAYOUT.grain());
            assertThat(plan.shard(rank).size()).isLessThanOrEqualTo(first + LAYOUT.grain());
            assertThat(plan.shard(rank).whole()).isFalse();
        }
    }

    @ParameterizedTest
    @CsvSource({"1,false", "2,false", "2,true", "3,true", "7,true"})
    void shouldSumSquaresOverTheSameGrainsWhoeverOwnsThem(int ranks, boolean sharded) {
        List<BucketPlan.Grain> alone = new BucketPlan(LAYOUT, Float.BYTES, 1000, 1, false).grains();
        BucketPlan plan = new BucketPlan(LAYOUT, Float.BYTES, 50_000, ranks, sharded);
        List<BucketPlan.Grain> grains = plan.grains();
        assertThat(grains)
                .extracting(BucketPlan.Grain::start)
                .isEqualTo(alone.stream().map(BucketPlan.Grain::start).toList());
        for (BucketPlan.Grain grain : grains) {
            assertThat(plan.shard(grain.owner()).within(grain.start(), grain.count()))
                    .as("its owner has the sums of all of it")
                    .singleElement()
                    .satisfies(segment -> assertThat(segment.count()).isEqualTo(grain.count()));
        }
    }
}
