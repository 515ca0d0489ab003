package tutti.worker.model;

import static org.assertj.core.api.Assertions.assertThat;
import static tutti.worker.model.BlockPolicy.FULL;
import static tutti.worker.model.BlockPolicy.NONE;
import static tutti.worker.model.BlockPolicy.SELECTIVE;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ActivationBudgetTest {
    /** One shared set of each kind where a block needs it; 10 for a block's products, 4 for the rest. */
    private static long bytes(List<BlockPolicy> blocks) {
        long shared = (blocks.contains(FULL) ? 10 : 0) + (blocks.stream().allMatch(block -> block == NONE) ? 0 : 4);
        return shared
                + blocks.stream()
                        .mapToLong(block -> block == NONE ? 14 : block == SELECTIVE ? 10 : 0)
                        .sum();
    }

    @ParameterizedTest
    @CsvSource({
        "14, 'FULL FULL FULL'",
        "23, 'FULL FULL FULL'",
        "24, 'SELECTIVE FULL FULL'",
        "28, 'NONE FULL FULL'",
        "33, 'NONE FULL FULL'",
        // The last one's products move from the shared set into its own, for nothing.
        "34, 'SELECTIVE SELECTIVE SELECTIVE'",
        "37, 'SELECTIVE SELECTIVE SELECTIVE'",
        "38, 'NONE SELECTIVE SELECTIVE'",
        "42, 'NONE NONE NONE'",
        "9000, 'NONE NONE NONE'"
    })
    void shouldBuyProductsBeforeWhatIsCheapAndStayWithinTheBudget(long budget, String expected) {
        List<BlockPolicy> blocks = ActivationBudget.spend(3, budget, ActivationBudgetTest::bytes);
        assertThat(blocks).map(Enum::name).containsExactly(expected.split(" "));
        assertThat(bytes(blocks)).isLessThanOrEqualTo(budget);
    }

    @Test
    void shouldNeverGiveBackWhenThereIsMoreToSpend() {
        long last = 0;
        for (long budget = 14; budget < 60; budget++) {
            long kept = ActivationBudget.spend(3, budget, ActivationBudgetTest::bytes).stream()
                    .mapToLong(BlockPolicy::ordinal)
                    .sum();
            assertThat(kept).as("budget %d", budget).isGreaterThanOrEqualTo(last);
            last = kept;
        }
    }
}
