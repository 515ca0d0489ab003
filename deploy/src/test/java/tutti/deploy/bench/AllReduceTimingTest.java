package tutti.deploy.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import org.junit.jupiter.api.Test;
import tutti.common.config.AllReduceConfig.ReduceDType;
import tutti.common.error.TuttiException;
import tutti.worker.allreduce.CollectiveCounts;
import tutti.worker.allreduce.Collectives;
import tutti.worker.allreduce.Partition;
import tutti.worker.allreduce.Pending;
import tutti.worker.tensor.DType;

class AllReduceTimingTest {
    private static final int SUM_NANOS = 100;

    private long now;

    @Test
    void shouldDoubleTheCallsUntilASampleIsLongEnough() {
        TwoRanks two = new TwoRanks(0);
        Spread seconds = timing(two).secondsPerCall(data());
        assertThat(two.sums)
                .as("1, 2, 4, 8, 16 to warm up, 5 samples, 2 checks")
                .isEqualTo(31 + 5 * 16 + 2);
        assertThat(two.barriers).isEqualTo(5 + 5);
        assertThat(seconds.median()).as("without barriers").isCloseTo(SUM_NANOS / 1e9, within(1e-15));
    }

    @Test
    void shouldMakeAsManyCallsAsRankZeroSays() {
        TwoRanks two = new TwoRanks(1);
        two.answers.addAll(List.of(1L, 1L, 0L));
        timing(two).secondsPerCall(data());
        assertThat(two.sums).as("1, 2, 4 to warm up, 5 samples, 2 checks").isEqualTo(7 + 5 * 4 + 2);
    }

    @Test
    void shouldWarmUpUntilRankZeroHasSeenEnough() {
        TwoRanks first = new TwoRanks(0);
        timing(first).warmUp(data(), 3 * SUM_NANOS);
        assertThat(first.sums).isEqualTo(3);

        TwoRanks second = new TwoRanks(1);
        second.answers.addAll(List.of(1L, 1L, 0L));
        timing(second).warmUp(data(), 100 * SUM_NANOS);
        assertThat(second.sums).isEqualTo(2);
    }

    @Test
    void shouldFailWhenASumIsWrong() {
        TwoRanks first = new TwoRanks(0);
        first.wrong = 1;
        assertThatThrownBy(() -> timing(first).secondsPerCall(data())).isInstanceOf(TuttiException.class);
        assertThat(first.sums).as("before anything is timed").isEqualTo(1);

        TwoRanks last = new TwoRanks(0);
        last.wrong = 31 + 5 * 16 + 2;
        assertThatThrownBy(() -> timing(last).secondsPerCall(data())).isInstanceOf(TuttiException.class);
    }

    private AllReduceTiming timing(Collectives collectives) {
        return new AllReduceTiming(collectives, ReduceDType.FLOAT32, () -> now, 16 * SUM_NANOS, 5);
    }

    private static ByteBuffer data() {
        return ByteBuffer.allocateDirect(4 * 300).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** One of two ranks; the other does what it should, in no time. */
    private final class TwoRanks implements Collectives {
        private final int rank;
        private final Deque<Long> answers = new ArrayDeque<>();
        private int sums;
        private int barriers;
        /** Number of the sum that leaves the data as it is, or 0. */
        private int wrong;

        TwoRanks(int rank) {
            this.rank = rank;
        }

        @Override
        public int rank() {
            return rank;
        }

        @Override
        public int worldSize() {
            return 2;
        }

        @Override
        public Pending allReduceSum(String name, ByteBuffer data, DType dtype, DType wire) {
            sums++;
            now += SUM_NANOS;
            for (int i = 0; i < data.limit() && sums != wrong; i += 4) {
                // The ranks' numbers are one and two parts of the sum's three.
                data.putFloat(i, data.getFloat(i) * 3 / (rank + 1));
            }
            return new Pending() {
                @Override
                public void await() {}

                @Override
                public long nanos() {
                    return SUM_NANOS;
                }
            };
        }

        @Override
        public Pending reduceScatterSum(String name, ByteBuffer data, DType dtype, DType wire, Partition partition) {
            throw new UnsupportedOperationException();
        }

        @Override
        public Pending allGather(String name, ByteBuffer data, DType dtype, Partition partition) {
            throw new UnsupportedOperationException();
        }

        @Override
        public Pending broadcast(String name, ByteBuffer data, DType dtype, int root) {
            throw new UnsupportedOperationException();
        }

        @Override
        public long[][] allGather(String name, long[] values) {
            return new long[][] {rank == 0 ? values : new long[] {answers.remove()}, values};
        }

        @Override
        public CollectiveCounts counts() {
            throw new UnsupportedOperationException();
        }

        @Override
        public void barrier(String name) {
            barriers++;
            now += 1_000_000;
        }

        @Override
        public void close() {}
    }
}
