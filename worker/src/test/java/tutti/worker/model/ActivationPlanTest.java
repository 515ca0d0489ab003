package tutti.worker.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import tutti.common.config.GradientCheckpointing;
import tutti.common.config.GradientCheckpointing.Policy;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.worker.tensor.DType;

class ActivationPlanTest {
    private static final int ROWS = 64;
    private static final LlamaConfig CONFIG = new LlamaConfig(32, 96, 4, 4, 2, 8, 100, 64, 1e-5, 1e4, true, 0.02);
    /** q, attended, middle: C each; k, v: C/2 each; gate, up: I each; bfloat16. */
    private static final long PRODUCTS = ROWS * (3 * 32 + 2 * 16 + 2 * 96) * 2;
    /** Two normed streams, SwiGLU's output, two rstd in float32. */
    private static final long ELEMENTWISE = ROWS * (2 * 32 + 96) * 2 + 2 * ROWS * 4;

    private static final long STREAM = ROWS * 32 * 2;

    @Test
    void shouldHoldExactlyWhatThePolicyKeeps() {
        long fixed = bytes(Policy.FULL) - PRODUCTS - ELEMENTWISE;
        assertThat(bytes(Policy.SELECTIVE)).isEqualTo(fixed + 4 * PRODUCTS + ELEMENTWISE);
        assertThat(bytes(Policy.NONE)).isEqualTo(fixed + 4 * PRODUCTS + 4 * ELEMENTWISE);
    }

    @Test
    void shouldHoldNoMoreThanBlockInputsAndOneWorkingSetUnderFull() {
        long inputs = 5 * STREAM;
        // The gradients of a block mirror q, k, v, attended, one normed, gate, up, gated; then final norm, its rstd and
        // two gradients.
        long backward = ROWS * (3 * 32 + 2 * 16 + 3 * 96) * 2;
        long ends = 3 * STREAM + ROWS * 4;
        assertThat(bytes(Policy.FULL)).isEqualTo(inputs + PRODUCTS + ELEMENTWISE + backward + ends);
    }

    @Test
    void shouldKeepNothingForABackwardThatNeverComes() {
        long bytes = ActivationPlan.forwardOnly(CONFIG, DType.F32, DType.BF16, ROWS, 16)
                .bytes();
        assertThat(bytes).isEqualTo(2 * STREAM + PRODUCTS + ELEMENTWISE + STREAM + ROWS * 4);
    }

    @Test
    void shouldSpendABudgetUpToTheByte() {
        assertThat(budget(bytes(Policy.FULL)).blocks()).containsOnly(BlockPolicy.FULL);
        assertThat(budget(bytes(Policy.SELECTIVE) - 1).blocks())
                .containsExactly(BlockPolicy.NONE, BlockPolicy.SELECTIVE, BlockPolicy.FULL, BlockPolicy.FULL);
        assertThat(budget(bytes(Policy.SELECTIVE)).blocks()).containsOnly(BlockPolicy.SELECTIVE);
        assertThat(budget(bytes(Policy.NONE)).blocks()).containsOnly(BlockPolicy.NONE);
        assertThat(budget(Long.MAX_VALUE).blocks()).containsOnly(BlockPolicy.NONE);
    }

    @Test
    void shouldRefuseABudgetBelowTheLeastAndSayWhatWouldDo() {
        long least = bytes(Policy.FULL);
        double enough = Math.ceil(least / Math.pow(2, 30) * 1e4) / 1e4;
        assertThatThrownBy(() -> budget(least - 1))
                .isInstanceOfSatisfying(
                        TuttiException.class, e -> assertThat(e.category()).isEqualTo(Category.USER))
                .hasMessageContaining("64 rows (batch times length) need %.4f at the least".formatted(enough));
        assertThat(budget((long) (enough * (1L << 30))).blocks()).hasSize(4);
    }

    private static long bytes(Policy policy) {
        return plan(GradientCheckpointing.of(policy)).bytes();
    }

    private static ActivationPlan budget(long bytes) {
        return plan(new GradientCheckpointing(Policy.BUDGET, bytes));
    }

    private static ActivationPlan plan(GradientCheckpointing checkpointing) {
        return ActivationPlan.training(CONFIG, DType.F32, DType.BF16, ROWS, 16, checkpointing);
    }
}
