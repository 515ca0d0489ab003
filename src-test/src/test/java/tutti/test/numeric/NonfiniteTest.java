package tutti.test.numeric;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.test.support.BrokenEmbedding;
import tutti.test.support.TrainSpec;
import tutti.worker.train.NonfiniteStep;

/** {@code --on_nonfinite}: where a learning rate far too high spoils all weights, and where a token spoils the steps it is in. */
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

    /** The bias of the moments is corrected by how often they were updated, not by the number of the step. */
    @ParameterizedTest(name = "zero {0}")
    @ValueSource(ints = {0, 1, 2})
    void shouldTrainOnBehindStepsLeftOutAsIfTheyHadNeverBeen(int zero) throws Exception {
        List<String> samples = Files.readAllLines(TrainSpec.writeData(folder));
        Path model = BrokenEmbedding.of(TrainSpec.model(), Files.createDirectory(folder.resolve("model")));
        samples.set(6, BrokenEmbedding.use(samples.get(6)));
        // Two epochs of four steps, the second of which is bad.
        InProcessRun whole = run(model, samples, 8, zero);
        samples.subList(4, 8).clear();
        InProcessRun without = run(model, samples, 6, zero);

        List<Integer> good = List.of(0, 2, 3, 4, 6, 7);
        for (int step = 0; step < 8; step++) {
            assertThat(whole.leftOut().get(step).isEmpty()).isEqualTo(good.contains(step));
        }
        assertThat(without.leftOut()).hasSize(6).containsOnly("");
        assertThat(without.gradNorms())
                .isEqualTo(good.stream().map(whole.gradNorms()::get).toList())
                .doesNotHaveDuplicates();
        assertThat(without.losses())
                .isEqualTo(good.stream().map(whole.losses()::get).toList());
        assertThat(without.hashes()).isEqualTo(whole.hashes());
    }

    private InProcessRun run(Path model, List<String> samples, int steps, int zero) throws Exception {
        Path data = Files.write(folder.resolve("samples.jsonl"), samples);
        Map<String, String> flags = TrainSpec.flags(data, folder.resolve("out"), 2, 1);
        flags.put("model_name_or_path", model.toString());
        flags.put("on_nonfinite", "skip");
        flags.put("lr_scheduler_type", "constant");
        flags.put("warmup_steps", "0");
        flags.put("max_steps", Integer.toString(steps));
        flags.put("zero", Integer.toString(zero));
        flags.put("save_final_model", "False");
        return InProcessRun.of(flags, 2);
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
