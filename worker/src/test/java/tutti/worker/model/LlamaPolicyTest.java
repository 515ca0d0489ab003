package tutti.worker.model;

import static org.assertj.core.api.Assertions.assertThat;
import static tutti.worker.model.BlockPolicy.FULL;
import static tutti.worker.model.BlockPolicy.NONE;
import static tutti.worker.model.BlockPolicy.SELECTIVE;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.atomic.AtomicLong;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;
import tutti.common.token.TokenizedExample;
import tutti.worker.batch.Batch;
import tutti.worker.batch.BatchBuilder;
import tutti.worker.checkpoint.WeightLoader;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.ReferenceKernels;
import tutti.worker.tune.FlatLayout;
import tutti.worker.tune.Replica;

class LlamaPolicyTest {
    private static final LlamaConfig CONFIG = new LlamaConfig(16, 24, 3, 4, 2, 4, 20, 8, 1e-5, 1e4, true, 0.2);
    private static final int ROWS = 16;
    private static final List<TokenizedExample> SAMPLES = List.of(sample(1, 7, 3, 9, 12), sample(4, 4, 19));

    /** @param ticks readings of the clock: two for each block that is computed again */
    private record Outcome(double loss, ByteBuffer gradients, long ticks) {}

    @Test
    void shouldGiveTheSameBitsUnderEveryMixture() {
        Outcome plain = train(List.of(NONE, NONE, NONE));
        assertThat(plain.loss()).isPositive();
        for (BlockPolicy first : BlockPolicy.values()) {
            for (BlockPolicy second : BlockPolicy.values()) {
                for (BlockPolicy third : BlockPolicy.values()) {
                    List<BlockPolicy> mixture = List.of(first, second, third);
                    Outcome other = train(mixture);
                    assertThat(other.loss()).as("loss under %s", mixture).isEqualTo(plain.loss());
                    assertThat(other.gradients())
                            .as("gradients under %s", mixture)
                            .isEqualTo(plain.gradients());
                }
            }
        }
    }

    @Test
    void shouldComputeAgainOnlyWhatIsGone() {
        assertThat(recomputed(NONE, NONE, NONE)).isZero();
        assertThat(recomputed(FULL, FULL, FULL)).as("not the last block").isEqualTo(2);
        assertThat(recomputed(SELECTIVE, SELECTIVE, SELECTIVE)).isEqualTo(2);
        assertThat(recomputed(FULL, NONE, NONE)).as("nobody overwrote it").isZero();
        assertThat(recomputed(SELECTIVE, FULL, NONE)).isEqualTo(1);
        assertThat(recomputed(FULL, SELECTIVE, NONE))
                .as("its products are there, its norms are not")
                .isEqualTo(1);
    }

    /** Two micro-batches of a step over the leavings of another, against two over zeros. */
    @Test
    void shouldBeginAStepFromNothingWhateverItsGradientsHold() {
        assertThat(twice(true)).isEqualTo(twice(false));
    }

    private static ByteBuffer twice(boolean leavings) {
        try (Kernels kernels = new ReferenceKernels();
                Arena arena = kernels.arena("test", 1 << 20)) {
            Replica replica = Replica.full(kernels, CONFIG, DType.F64, arena);
            WeightLoader.random(CONFIG, replica, 1);
            ActivationPlan plan =
                    new ActivationPlan(CONFIG, DType.F64, DType.F64, ROWS, 8, List.of(NONE, NONE, NONE), true);
            Llama llama = new Llama(plan, kernels, replica, arena, () -> 0);
            Batch batch = new BatchBuilder(arena, 2, 8).build(SAMPLES);
            if (leavings) {
                for (FlatLayout.Slot slot : replica.layout().slots()) {
                    kernels.fill(slot.view(replica.gradients().written()), Double.NaN);
                }
                replica.beginGradients();
            }
            for (int pass = 0; pass < 2; pass++) {
                llama.forward(batch);
                llama.backward(batch, 0.25, GradientListener.NONE);
            }
            ByteBuffer gradients =
                    ByteBuffer.allocate((int) replica.gradients().written().byteSize());
            return gradients.put(replica.gradients().written().bytes()).flip();
        }
    }

    @Test
    void shouldHaveNoBackwardWhereNothingLearns() {
        try (Kernels kernels = new ReferenceKernels();
                Arena arena = kernels.arena("test", 1 << 20)) {
            Replica replica = Replica.frozen(kernels, CONFIG, DType.F64, arena);
            WeightLoader.random(CONFIG, replica, 1);
            ActivationPlan plan = ActivationPlan.forwardOnly(CONFIG, DType.F64, DType.F64, ROWS, 8);
            Llama llama = new Llama(plan, kernels, replica, arena, System::nanoTime);
            Batch batch = new BatchBuilder(arena, 2, 8).build(SAMPLES);
            llama.forward(batch);
            assertThat(llama.loss(batch))
                    .isEqualTo(train(List.of(NONE, NONE, NONE)).loss());
            Assertions.assertThatThrownBy(() -> llama.backward(batch, 1, GradientListener.NONE))
                    .isInstanceOf(NoSuchElementException.class);
        }
    }

    private static long recomputed(BlockPolicy... blocks) {
        return train(List.of(blocks)).ticks() / 2;
    }

    private static Outcome train(List<BlockPolicy> blocks) {
        AtomicLong ticks = new AtomicLong();
        try (Kernels kernels = new ReferenceKernels();
                Arena arena = kernels.arena("test", 1 << 20)) {
            Replica replica = Replica.full(kernels, CONFIG, DType.F64, arena);
            WeightLoader.random(CONFIG, replica, 1);
            ActivationPlan plan = new ActivationPlan(CONFIG, DType.F64, DType.F64, ROWS, 8, blocks, true);
            Llama llama = new Llama(plan, kernels, replica, arena, ticks::getAndIncrement);
            Batch batch = new BatchBuilder(arena, 2, 8).build(SAMPLES);
            llama.forward(batch);
            List<Integer> ready = new ArrayList<>();
            double loss = llama.backward(batch, 0.25, ready::add);
            assertThat(ready).containsExactly(4, 3, 2, 1, 0);
            assertThat(llama.recomputeNanos()).isEqualTo(ticks.get() / 2);
            ByteBuffer gradients =
                    ByteBuffer.allocate((int) replica.gradients().written().byteSize());
            gradients.put(replica.gradients().written().bytes()).flip();
            return new Outcome(loss, gradients, ticks.get());
        }
    }

    private static TokenizedExample sample(int... ids) {
        return new TokenizedExample(ids, ids);
    }
}
