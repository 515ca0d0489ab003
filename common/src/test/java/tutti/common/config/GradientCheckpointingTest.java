package tutti.common.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tutti.common.config.GradientCheckpointing.Policy;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

class GradientCheckpointingTest {

    @ParameterizedTest
    @CsvSource({
        "True,FULL",
        "yes,FULL",
        "full,FULL",
        "FULL,FULL",
        "False,NONE",
        "none,NONE",
        "auto,NONE",
        "Selective,SELECTIVE",
    })
    void shouldTakeASwitchOrAWord(String word, Policy policy) {
        assertThat(read("gradient_checkpointing", word)).isEqualTo(GradientCheckpointing.of(policy));
    }

    @Test
    void shouldBeNoneByDefault() {
        assertThat(read()).isEqualTo(GradientCheckpointing.of(Policy.NONE));
    }

    @Test
    void shouldReadTheBudgetInGiBWithOrWithoutTheWord() {
        GradientCheckpointing budget = new GradientCheckpointing(Policy.BUDGET, 3L << 29);
        assertThat(read("activation_memory_gb", "1.5")).isEqualTo(budget);
        assertThat(read("activation_memory_gb", "1.5", "gradient_checkpointing", "budget"))
                .isEqualTo(budget);
    }

    @ParameterizedTest
    @CsvSource({"True,full", "selective,selective", "False,none"})
    void shouldRefuseABudgetBesideAnotherPolicy(String word, String policy) {
        refuse("--activation_memory_gb=1.5 goes with --gradient_checkpointing budget, not with " + policy, word, "1.5");
    }

    @Test
    void shouldRefuseTheBudgetPolicyWithoutABudget() {
        refuse("--gradient_checkpointing=budget needs --activation_memory_gb", "budget", "0");
        refuse("--activation_memory_gb=-1.0: more than 0", "budget", "-1");
    }

    @Test
    void shouldNameTheWordsWhenItRefuses() {
        refuse(
                "--gradient_checkpointing=some: not one of True, False, auto, none, selective, full, budget",
                "some",
                "0");
    }

    private static void refuse(String message, String word, String gib) {
        assertThatThrownBy(() -> read("gradient_checkpointing", word, "activation_memory_gb", gib))
                .isInstanceOfSatisfying(
                        TuttiException.class, e -> assertThat(e.category()).isEqualTo(Category.USER))
                .hasMessageContaining(message);
    }

    private static GradientCheckpointing read(String... flags) {
        Map<String, String> given = new LinkedHashMap<>();
        for (int i = 0; i < flags.length; i += 2) {
            given.put(flags[i], flags[i + 1]);
        }
        return GradientCheckpointing.read(Settings.of(given, null));
    }
}
