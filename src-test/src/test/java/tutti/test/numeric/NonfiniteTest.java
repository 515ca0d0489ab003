package tutti.test.numeric;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.test.support.TrainSpec;
import tutti.worker.train.NonfiniteStep;

/** {@code --on_nonfinite}: the first update of these runs makes weights with which no later gradient is finite. */
class NonfiniteTest {
    @TempDir
    Path folder;

    @ParameterizedTest(name = "zero {0}")
    @ValueSource(ints = {0, 1, 2})
    void shouldLeaveOutStepsAndNothingElse(int zero) throws Exception {
        InProcessRun whole = run(4, Map.of("on_nonfinite", "skip", "zero", Integer.toString(zero)));
        InProcessRun first = run(1, Map.of("on_nonfinite", "skip"));
        assertThat(whole.hashes()).containsOnly(first.hashes().get(0));
        assertThat(whole.leftOut().get(0)).isEmpty();
        assertThat(whole.leftOut().subList(1, 4))
                .allSatisfy(reason -> assertThat(reason)
                        .contains("grad norm is NaN", "on rank 0 that of model.", ", on rank 1 that of model."));
    }

    @Test
    void shouldEndWhenNothingIsLeftToTrain() {
        assertThatThrownBy(() -> run(20, Map.of("on_nonfinite", "skip")))
                .cause()
                .isInstanceOfSatisfying(TuttiException.class, cause -> {
                    assertThat(cause.category()).isEqualTo(Category.NUMERIC);
                    assertThat(cause.getMessage()).contains("10 steps in a row were left out", "--learning_rate");
                });
    }

    @ParameterizedTest
    @ValueSource(strings = {"stop", "rollback"})
    void shouldStopBeforeTheOptimizerAndSayWhere(String policy) {
        assertThatThrownBy(() -> run(4, Map.of("on_nonfinite", policy)))
                .cause()
                .isInstanceOfSatisfying(NonfiniteStep.class, found -> {
                    assertThat(found.step()).isEqualTo(1);
                    assertThat(found.getMessage())
                            .contains("the first gradient that is not finite is on rank 0 that of model.");
                });
    }

    private InProcessRun run(int steps, Map<String, String> more) throws Exception {
        Map<String, String> flags = TrainSpec.flags(TrainSpec.writeData(folder), folder.resolve("out"), 2, 2);
        flags.put("learning_rate", "1e30");
        flags.put("lr_scheduler_type", "constant");
        flags.put("max_steps", Integer.toString(steps));
        flags.put("save_final_model", "False");
        flags.putAll(more);
        return InProcessRun.of(flags, 2);
    }
}
