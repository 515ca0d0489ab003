package tutti.common.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tutti.common.config.EvalConfig.EvalStrategy;

class EvalConfigTest {

    @ParameterizedTest
    @CsvSource({
        "logging_steps=1, NO, false",
        "eval_strategy=no, NO, false",
        "eval_data_path=a.json, EPOCH, true",
        "eval_data_path=a.json eval_strategy=no, NO, false",
        "eval_data_path=a.json evaluation_strategy=no, NO, false",
        "eval_data_path=a.json eval_strategy=no eval_on_start=True, NO, true",
        "eval_data_path=a.json eval_strategy=steps, STEPS, true",
    })
    void shouldEvaluateWhatIsGivenUnlessToldNotTo(String flags, EvalStrategy strategy, boolean evaluates) {
        EvalConfig config = read(flags).eval();
        assertThat(config.strategy()).isEqualTo(strategy);
        assertThat(config.evaluates()).isEqualTo(evaluates);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "eval_strategy=epoch | --eval_strategy epoch: there is nothing to evaluate; give held-out samples with --eval_data_path",
                "eval_on_start=True | --eval_on_start True: there is nothing to evaluate",
                "eval_metric=exact_match | --eval_metric exact_match: nothing is evaluated; give --eval_data_path",
                "eval_data_path=e eval_metric=loss,bleu | --eval_metric=bleu: not one of loss, exact_match",
                "eval_data_path=e eval_steps=0 | --eval_steps=0: at least 1",
                "eval_data_path=e eval_max_new_tokens=5000 | --eval_max_new_tokens=5000: 1 to 4096",
                "sample_prompts=Hi | --sample_prompts: they are answered after each evaluation, and there is none",
                "load_best_model_at_end=True | --load_best_model_at_end: no checkpoint is evaluated",
                "eval_data_path=e load_best_model_at_end=True metric_for_best_model=exact_match | add --eval_metric exact_match",
                "eval_data_path=e metric_for_best_model=accuracy | --metric_for_best_model=accuracy: not one of eval_loss, exact_match",
                "eval_data_path=e load_best_model_at_end=True | --eval_strategy is epoch and --save_strategy steps; give both epoch",
                "eval_data_path=e load_best_model_at_end=True eval_strategy=steps eval_steps=20 save_steps=30 | "
                        + "--save_steps=30 is no multiple of --eval_steps=20; use --save_steps 20",
            })
    void shouldRefuseWhatCannotBeDoneWithTheFix(String flags, String message) {
        assertThatThrownBy(() -> read(flags)).hasMessageContaining(message);
    }

    @ParameterizedTest
    @CsvSource({"eval_loss, LOSS", "loss, LOSS", "exact_match, EXACT_MATCH", "eval_exact_match, EXACT_MATCH"})
    void shouldTakeTheNameOfAMetricWithItsPrefixOrWithout(String word, EvalConfig.Best best) {
        EvalConfig config =
                read("eval_data_path=e eval_metric=exact_match save_strategy=epoch load_best_model_at_end=True "
                                + "metric_for_best_model=" + word)
                        .eval();
        assertThat(config.best()).isEqualTo(best);
    }

    @Test
    void shouldTakeTheMemoryOfAStep() {
        PlanConfig plan = read("eval_data_path=e per_device_train_batch_size=2").plan();
        assertThat(plan.eval().batchSize()).isEqualTo(8);
        assertThat(plan.evalBatchSize()).isEqualTo(2);
    }

    @Test
    void shouldReadHeldOutFilesAsThoseThatAreTrainedOn() {
        RunConfig config = read("eval_data_path=e answer_after=A: text_field=body");
        DataConfig heldOut = config.data().with(config.eval().paths());
        assertThat(heldOut.paths()).containsExactly(Path.of("e"));
        assertThat(heldOut.answerAfter()).isEqualTo("A:");
        assertThat(heldOut.format()).isEqualTo(DataFormat.TEXT);
    }

    private static RunConfig read(String flags) {
        Map<String, String> all = new HashMap<>(Map.of("model_name_or_path", "m", "data_path", "d", "output_dir", "o"));
        Arrays.stream(flags.split(" ")).map(flag -> flag.split("=")).forEach(flag -> all.put(flag[0], flag[1]));
        return RunConfig.read(Settings.of(all, null));
    }
}
