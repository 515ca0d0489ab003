package tutti.worker.gradient;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import tutti.common.config.AllReduceConfig.ReduceDType;
import tutti.common.protocol.WorkerReport.BucketTimes;
import tutti.worker.allreduce.CollectiveCounts;
import tutti.worker.allreduce.Collectives;
import tutti.worker.allreduce.Partition;
import tutti.worker.allreduce.Pending;
import tutti.worker.model.ParameterSpec;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.ReferenceKernels;
import tutti.worker.tensor.Shape;
import tutti.worker.tensor.Tensor;
import tutti.worker.tune.FlatLayout;
import tutti.worker.tune.GradientLayout;
import tutti.worker.tune.Gradients;
import tutti.worker.tune.ShardLayout;

class GradientBucketsTest {
    /** Three parts of 64, 128 and 32 elements. */
    private final FlatLayout layout = new FlatLayout(List.of(
            new ParameterSpec("embedding", Shape.of(8, 8), 0),
            new ParameterSpec("block", Shape.of(16, 8), 1),
            new ParameterSpec("head", Shape.of(4, 8), 2)));

    private final Recorder wire = new Recorder();

    @Test
    void shouldStartABucketAsSoonAsAllItsGradientsAreComplete() {
        GradientBuckets buckets = buckets(64);
        buckets.begin();
        buckets.ready(2);
        assertThat(wire.sizes).isEmpty();
        buckets.ready(1);
        assertThat(wire.sizes).containsExactly(64, 64);
        buckets.ready(0);
        assertThat(wire.sizes).containsExactly(64, 64, 64, 32);
        buckets.await();
        assertThat(wire.awaited).isEqualTo(4);
    }

    @Test
    void shouldCoverEveryGradientExactlyOnceForAnyBucketSize() {
        for (int elements : new int[] {1, 7, 33, 64, 1000}) {
            wire.sizes.clear();
            GradientBuckets buckets = buckets(elements);
            buckets.begin();
            buckets.ready(0);
            assertThat(wire.sizes.stream().mapToInt(Integer::intValue).sum()).isEqualTo(layout.size());
        }
    }

    @Test
    void shouldRefuseToWaitForABucketThatBackwardNeverFilled() {
        GradientBuckets buckets = buckets(64);
        buckets.begin();
        buckets.ready(1);
        assertThatThrownBy(buckets::await).hasMessageContaining("2 of 4 buckets");
    }

    @Test
    void shouldTellHowLongEachBucketTookAndWasWaitedFor() {
        GradientBuckets buckets = buckets(64);
        buckets.begin();
        buckets.ready(0);
        buckets.await();
        assertThat(buckets.times())
                .containsExactly(
                        new BucketTimes(0, 5, 2),
                        new BucketTimes(1, 5, 2),
                        new BucketTimes(2, 5, 2),
                        new BucketTimes(3, 5, 2));
    }

    @Test
    void shouldTellTheTimesOfTheLastBucketsWhereThereAreMany() {
        GradientBuckets buckets = buckets(1);
        buckets.begin();
        buckets.ready(0);
        buckets.await();
        assertThat(wire.sizes).hasSizeGreaterThan(GradientBuckets.TIMED);
        assertThat(buckets.times()).hasSize(GradientBuckets.TIMED);
        assertThat(buckets.times().get(GradientBuckets.TIMED - 1).bucket()).isEqualTo(wire.sizes.size() - 1);
    }

    /** ZeRO-2: the third block from the end takes the memory of the last one, so that must have been waited for and kept. */
    @Test
    void shouldKeepItsSumsBeforeTheirMemoryIsTaken() {
        List<ParameterSpec> specs = new ArrayList<>();
        specs.add(new ParameterSpec("embedding", Shape.of(8, 8), 0));
        for (int block = 1; block <= 3; block++) {
            specs.add(new ParameterSpec("block " + block, Shape.of(64, 64), block));
        }
        specs.add(new ParameterSpec("head", Shape.of(4, 8), 4));
        FlatLayout layered = new FlatLayout(specs);
        BucketPlan plan = new BucketPlan(layered, DType.F64.bytes(), 1 << 20, 2, true);
        GradientLayout layout = GradientLayout.windows(layered, plan.shard(0));
        Arena arena = new ReferenceKernels().arena("test", 1 << 20);
        Gradients gradients = new Gradients(layout, DType.F64, arena, arena);
        assertThat(gradients.written().shape().count())
                .as("embedding, head and two of three blocks")
                .isEqualTo(layered.size() - 4096);
        GradientBuckets buckets =
                new GradientBuckets(plan, gradients, wire, new ReferenceKernels(), 1, ReduceDType.FLOAT32, () -> 0);
        buckets.begin();
        int[] waitedFor = {0, 0, 0, 2, 2};
        for (int part = 4; part >= 0; part--) {
            buckets.begins(part);
            assertThat(wire.awaited).as("when part %d begins", part).isEqualTo(waitedFor[4 - part]);
            long start = layered.partStart(part);
            Tensor written = gradients.written(start, layered.partEnd(part) - start);
            for (int i = 0; i < written.shape().count(); i++) {
                written.bytes().putDouble(i * Double.BYTES, part + 1);
            }
            buckets.ready(part);
        }
        buckets.await();
        for (ShardLayout.Segment segment : plan.shard(0).segments()) {
            int part = 4;
            while (layered.partStart(part) > segment.start()) {
                part--;
            }
            Tensor sums = gradients.summed(segment);
            assertThat(sums.bytes().getDouble(0)).isEqualTo(2.0 * (part + 1));
            assertThat(sums.bytes().getDouble((int) sums.byteSize() - Double.BYTES))
                    .isEqualTo(2.0 * (part + 1));
        }
    }

    @Test
    void shouldCarryGradientsThatTheHostCannotAddressDownAndUpAgain() {
        FarArena arena = new FarArena(arena());
        Gradients gradients = new Gradients(GradientLayout.whole(layout), DType.F64, arena, arena);
        Tensor memory = arena.near;
        for (int i = 0; i < layout.size(); i++) {
            memory.bytes().putDouble(i * Double.BYTES, i);
        }
        GradientBuckets buckets =
                new GradientBuckets(plan(64), gradients, wire, new ReferenceKernels(), 1, ReduceDType.FLOAT32, () -> 0);
        for (int pass = 1; pass <= 2; pass++) {
            buckets.begin();
            buckets.ready(2);
            buckets.ready(0);
            buckets.await();
            for (int i = 0; i < layout.size(); i++) {
                assertThat(memory.bytes().getDouble(i * Double.BYTES)).isEqualTo((1 << pass) * (double) i);
            }
        }
    }

    private GradientBuckets buckets(int elements) {
        return new GradientBuckets(
                plan(elements),
                new Gradients(GradientLayout.whole(layout), DType.F64, arena(), arena()),
                wire,
                new ReferenceKernels(),
                1,
                ReduceDType.FLOAT32,
                () -> wire.awaited * Recorder.WAIT_NANOS);
    }

    private BucketPlan plan(int elements) {
        return new BucketPlan(layout, DType.F64.bytes(), elements * DType.F64.bytes(), 2, false);
    }

    private static Arena arena() {
        return new ReferenceKernels().arena("test", 1 << 16);
    }

    /** Hands out tensors as on a device. */
    private static final class FarArena implements Arena {
        private final Arena memory;
        /** What was taken first. */
        private Tensor near;

        FarArena(Arena memory) {
            this.memory = memory;
        }

        @Override
        public Tensor take(String what, DType dtype, Shape shape) {
            Tensor taken = memory.take(what, dtype, shape);
            near = near == null ? taken : near;
            return new Far(taken);
        }

        @Override
        public long used() {
            return memory.used();
        }

        @Override
        public long capacity() {
            return memory.capacity();
        }

        @Override
        public void close() {
            memory.close();
        }
    }

    /** As on a device: the elements are reached by copies only. */
    private static final class Far extends Tensor {
        private final Tensor memory;

        Far(Tensor memory) {
            super(memory.dtype(), memory.shape());
            this.memory = memory;
        }

        @Override
        public boolean onHost() {
            return false;
        }

        @Override
        protected void download(ByteBuffer into) {
            memory.read(into);
        }

        @Override
        protected void upload(ByteBuffer from) {
            memory.write(from);
        }

        @Override
        public Tensor rows(long from, long count) {
            return new Far(memory.rows(from, count));
        }

        @Override
        public Tensor view(Shape shape) {
            return new Far(memory.view(shape));
        }

        @Override
        public ByteBuffer bytes() {
            throw new IllegalStateException("on a device");
        }
    }

    /** Sums over two ranks with the same gradients. */
    private static final class Recorder implements Collectives {
        private static final long WAIT_NANOS = 2_000_000;
        private final List<Integer> sizes = new ArrayList<>();
        private int awaited;

        @Override
        public Pending allReduceSum(String name, ByteBuffer data, DType dtype, DType wire) {
            sizes.add(data.remaining() / dtype.bytes());
            return new Pending() {
                @Override
                public void await() {
                    awaited++;
                    for (int at = data.position(); at < data.limit(); at += Double.BYTES) {
                        data.putDouble(at, 2 * data.getDouble(at));
                    }
                }

                @Override
                public long nanos() {
                    return 5_000_000;
                }
            };
        }

        @Override
        public Pending reduceScatterSum(String name, ByteBuffer data, DType dtype, DType wire, Partition partition) {
            return allReduceSum(name, data, dtype, wire);
        }

        @Override
        public Pending allGather(String name, ByteBuffer data, DType dtype, Partition partition) {
            throw new UnsupportedOperationException(name);
        }

        @Override
        public Pending broadcast(String name, ByteBuffer data, DType dtype, int root) {
            throw new UnsupportedOperationException(name);
        }

        @Override
        public int rank() {
            return 0;
        }

        @Override
        public int worldSize() {
            return 2;
        }

        @Override
        public long[][] allGather(String name, long[] values) {
            return new long[][] {values, values};
        }

        @Override
        public void barrier(String name) {}

        @Override
        public CollectiveCounts counts() {
            throw new UnsupportedOperationException();
        }

        @Override
        public void close() {}
    }
}
