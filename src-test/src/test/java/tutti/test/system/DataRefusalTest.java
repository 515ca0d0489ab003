package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.common.error.Category;
import tutti.test.support.Ports;
import tutti.test.support.TrainSpec;

/**
 * What is refused when workers have read the data, or did not come: before the first step, too. What else a worker refuses, and in
 * which words, is tried in process by {@code tutti.test.numeric.UnusableDataTest}.
 */
class DataRefusalTest {
    @TempDir
    Path folder;

    @Test
    void shouldNameFileLineAndRule() throws Exception {
        Map<String, String> flags = flags("{\"input_ids\":[1,2,600],\"labels\":[1,2,600]}");
        Refusal.of(folder, flags, Category.DATA, "data.jsonl:1: input_ids[2] is 600", "512 tokens");
    }

    @Test
    void shouldRefuseFewerSamplesThanWorkers() throws Exception {
        Map<String, String> flags = flags("{\"input_ids\":[1,2,3],\"labels\":[1,2,3]}");
        flags.put("nproc_per_node", "2");
        Refusal.of(folder, flags, Category.USER, "1 usable samples", "2 virtual ranks", "--nproc_per_node 1");
    }

    @Test
    void shouldSayHowManyWorkersCameWhenANodeDoesNotCome() throws Exception {
        Map<String, String> flags = flags("{\"input_ids\":[1,2,3],\"labels\":[1,2,3]}");
        flags.put("nnodes", "2");
        flags.put("master_port", Integer.toString(Ports.free()));
        flags.put("rdzv_timeout", "5");
        Refusal.of(folder, flags, Category.PEER, "of 2 workers joined", "--rdzv_timeout 5 s", "logs/rank-N.log");
    }

    @Test
    void shouldTrainOnAFolderOfFilesOfOtherKindsByTheNamesOfTheirFieldsAndCountWhatIsCutOrLeftOut() throws Exception {
        Path data = Files.createDirectory(folder.resolve("data"));
        Files.writeString(data.resolve("a.json"), "[{\"question\":\"Who?\",\"query\":\"Lily\"}]");
        // More than the 512 tokens of a sample: of an answer some are left, behind a question none.
        String tooLong = "a ".repeat(600);
        Files.writeString(
                data.resolve("b.csv"),
                "query,question\n\"a, b\",Which?\nc,When?\n%s,Long?\nd,%s\n".formatted(tooLong, tooLong));
        Files.writeString(data.resolve("README.md"), "# Questions");
        Map<String, String> flags = flags("");
        flags.put("data_path", data.toString());
        flags.put("prompt_field", "question");
        flags.put("completion_field", "query");
        flags.put("max_steps", "1");
        flags.put("save_strategy", "no");
        try (TuttiProcess run = TuttiProcess.run(folder, flags)) {
            run.succeed();
            assertThat(run.text())
                    .contains(
                            "data: " + data + ": not read: README.md",
                            "data: " + data.resolve("a.json") + ": 1 sample of prompt_completion, JSON",
                            "data: " + data.resolve("b.csv") + ": 4 samples of prompt_completion, CSV",
                            "data: 4 samples",
                            "2 truncated, 1 dropped (nothing to learn in " + data.resolve("b.csv") + ":5)");
        }
        assertThat(new RunOutput(folder.resolve("out")).metrics()).hasSize(1);
    }

    private Map<String, String> flags(String lines) throws IOException {
        Map<String, String> flags = new LinkedHashMap<>();
        flags.put("model_name_or_path", TrainSpec.model().toString());
        flags.put(
                "data_path",
                Files.writeString(folder.resolve("data.jsonl"), lines).toString());
        flags.put("output_dir", folder.resolve("out").toString());
        return flags;
    }
}
