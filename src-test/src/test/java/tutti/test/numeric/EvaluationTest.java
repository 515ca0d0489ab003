package tutti.test.numeric;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tutti.common.config.EncodingConfig;
import tutti.common.config.TrainConfig.Backend;
import tutti.common.dataset.Datasets;
import tutti.test.support.Shared;
import tutti.test.support.TrainSpec;
import tutti.worker.generate.AnswerRule;
import tutti.worker.generate.Evaluation;
import tutti.worker.generate.Evaluator;
import tutti.worker.generate.Metric;
import tutti.worker.generate.TextModel;
import tutti.worker.train.TrainLoop.Found;

/** Evaluation in training: the same bits however many workers measure, and nothing of the training changes by it. */
class EvaluationTest {
    private static final int HELD_OUT = 7;

    @TempDir
    Path folder;

    private Path data;
    private Path heldOut;

    @BeforeEach
    void writeData() throws IOException {
        List<String> all = Files.readAllLines(Shared.path("data/wikisql/train.jsonl"));
        data = Files.write(folder.resolve("train.jsonl"), all.subList(0, 16));
        List<String> valid = Files.readAllLines(Shared.path("data/wikisql/valid.jsonl"));
        heldOut = Files.write(folder.resolve("valid.jsonl"), valid.subList(0, HELD_OUT));
    }

    @ParameterizedTest(name = "bf16 {0}, zero {1}")
    @CsvSource({"false,0", "true,2"})
    void shouldFindTheSameBitsHoweverManyWorkersMeasure(boolean bf16, int zero) throws Exception {
        InProcessRun alone = evaluated(1, bf16, zero);
        assertThat(alone.evaluations().get(0)).containsOnlyKeys(0L, 2L, 4L);
        for (int workers : new int[] {2, 4}) {
            InProcessRun run = evaluated(workers, bf16, zero);
            assertThat(run.evaluations())
                    .hasSize(workers)
                    .allSatisfy(rank -> assertThat(rank.keySet())
                            .isEqualTo(alone.evaluations().get(0).keySet()));
            for (Map<Long, Found> rank : run.evaluations()) {
                rank.forEach((step, found) -> assertThat(found)
                        .usingRecursiveComparison()
                        .ignoringFields("millis")
                        .isEqualTo(alone.evaluations().get(0).get(step)));
            }
            assertThat(run.hashes()).containsOnly(alone.hashes().get(0));
        }
    }

    @ParameterizedTest(name = "bf16 {0}, zero {1}")
    @CsvSource({"false,0", "true,2"})
    void shouldLeaveTheBitsOfTheTrainingAlone(boolean bf16, int zero) throws Exception {
        InProcessRun plain = InProcessRun.of(flags(2, bf16, zero), 2);
        InProcessRun evaluated = evaluated(2, bf16, zero);
        assertThat(evaluated.losses()).isEqualTo(plain.losses());
        assertThat(evaluated.hashes()).isEqualTo(plain.hashes());
    }

    /** Five answers to be cut into batches of three, by two workers; how long they are differs, and so does when they end. */
    @Test
    void shouldAnswerSideBySideWhatItAnswersOneByOne() throws Exception {
        Found oneByOne = answered("1");
        Found sideBySide = answered("3");
        assertThat(sideBySide.answers()).hasSize(5).isEqualTo(oneByOne.answers());
        assertThat(sideBySide.answers().stream().distinct()).hasSize(5);
        assertThat(sideBySide.exact()).isEqualTo(oneByOne.exact());
        assertThat(sideBySide.questions()).isEqualTo(HELD_OUT);
    }

    private Found answered(String batchSize) throws Exception {
        Path prompts = Files.writeString(
                folder.resolve("prompts.txt"),
                "Once upon a time\nLily\nThe big dog ran to the park and\nTom had a red\nMom said\n");
        Map<String, String> flags = flags(2, false, 0);
        flags.put("per_device_train_batch_size", "4");
        flags.put("per_device_eval_batch_size", batchSize);
        flags.put("max_steps", "1");
        flags.put("eval_data_path", heldOut.toString());
        flags.put("eval_metric", "exact_match");
        flags.put("eval_max_new_tokens", "24");
        flags.put("sample_prompts", "@" + prompts);
        InProcessRun run = InProcessRun.of(flags, 2);
        assertThat(run.evaluations().get(1).get(1L).answers())
                .isEqualTo(run.evaluations().get(0).get(1L).answers());
        return run.evaluations().get(0).get(1L);
    }

    /** Before the first step the run has the model of the folder. */
    @Test
    void shouldMeasureWhatTheCommandMeasures() throws Exception {
        Path chats = heldOutChats();
        Map<String, String> flags = flags(1, false, 0);
        flags.put("data_path", chats.toString());
        flags.remove("answer_after");
        flags.put("max_steps", "1");
        flags.put("virtual_ranks", "1");
        flags.put("eval_data_path", chats.toString());
        flags.put("eval_metric", "exact_match");
        flags.put("eval_max_new_tokens", "8");
        flags.put("eval_on_start", "True");
        Found found = InProcessRun.of(flags, 1).evaluations().get(0).get(0L);
        Evaluator.Options options =
                new Evaluator.Options(Set.of(Metric.values()), AnswerRule.TEXT, EncodingConfig.USUAL, 8, 256, 8);
        try (TextModel model = TextModel.load(TrainSpec.model(), new TextModel.Engine(Backend.TORCH, false, 1));
                Evaluator evaluator = new Evaluator(model, Datasets.load(List.of(chats)), options)) {
            Evaluation expected = evaluator.all();
            assertThat(found.lossSum() / found.labelledTokens()).isCloseTo(expected.lossPerToken(), within(1e-6));
            assertThat(found.exact()).isEqualTo(expected.exact());
            assertThat(found.questions()).isEqualTo(expected.total()).isEqualTo(4);
            assertThat(expected.unanswered()).isEqualTo(1);
        }
    }

    private Path heldOutChats() throws IOException {
        return Files.writeString(folder.resolve("chats.jsonl"), """
                {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Once upon a time"}]}
                {"messages": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Lily."}]}
                {"messages": [{"role": "user", "content": "Where?"}, {"role": "assistant", "content": "In the park."}]}
                {"messages": [{"role": "user", "content": "%s"}, {"role": "assistant", "content": "Too long to be asked."}]}
                """.formatted("Why? ".repeat(300)));
    }

    private InProcessRun evaluated(int workers, boolean bf16, int zero) throws Exception {
        Map<String, String> flags = flags(workers, bf16, zero);
        flags.put("eval_data_path", heldOut.toString());
        flags.put("eval_on_start", "True");
        flags.put("eval_strategy", "steps");
        flags.put("eval_steps", "2");
        flags.put("eval_metric", "exact_match");
        flags.put("eval_rule", "sql");
        flags.put("eval_max_new_tokens", "6");
        flags.put("sample_prompts", "Once upon a time");
        return InProcessRun.of(flags, workers);
    }

    private Map<String, String> flags(int workers, boolean bf16, int zero) {
        Map<String, String> flags = TrainSpec.flags(data, folder.resolve("out"), 2, 1);
        flags.put("virtual_ranks", "4");
        flags.put("nproc_per_node", Integer.toString(workers));
        flags.put("bf16", Boolean.toString(bf16));
        flags.put("zero", Integer.toString(zero));
        flags.put("bucket_cap_mb", "0.1");
        flags.put("max_steps", "4");
        flags.put("model_max_length", "256");
        flags.put("answer_after", "A: ");
        flags.put("save_final_model", "False");
        return flags;
    }
}
