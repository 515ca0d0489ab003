package tutti.common.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.common.config.AllReduceConfig.ReduceDType;
import tutti.common.config.GradientCheckpointing.Policy;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

class SettingsTest {
    @TempDir
    Path temp;

    @Test
    void shouldReadFastChatsFlags() {
        RunConfig config = RunConfig.read(Settings.of(fastChat(), null));

        assertThat(config.launch().worldSize()).isEqualTo(4);
        assertThat(config.launch().masterPort()).isEqualTo(20001);
        assertThat(config.train()).satisfies(train -> {
            assertThat(train.bf16()).isTrue();
            assertThat(train.checkpointing()).isEqualTo(GradientCheckpointing.of(Policy.FULL));
            assertThat(train.epochs()).isEqualTo(3);
            assertThat(train.globalBatch(4)).isEqualTo(2 * 16 * 4);
            assertThat(train.seed()).isEqualTo(42);
        });
        assertThat(config.optim()).satisfies(optim -> {
            assertThat(optim.learningRate()).isEqualTo(2e-5);
            assertThat(optim.weightDecay()).isZero();
            assertThat(optim.warmupRatio()).isEqualTo(0.03);
        });
        assertThat(config.output().saveTotalLimit()).isEqualTo(10);
        assertThat(config.output().saveFinalModel()).isTrue();
        assertThat(config.model().maxLength()).isEqualTo(2048);
    }

    @Test
    void shouldAnswerByNameWhatHasNoEffect() {
        List<String> answers = Settings.of(fastChat(), null).answers();

        assertThat(answers)
                .hasSize(4)
                .anyMatch(line -> line.startsWith("--fsdp full_shard auto_wrap: no effect: "))
                .anyMatch(line -> line.startsWith("--tf32 True: no effect: "));
    }

    @ParameterizedTest
    @CsvSource({
        "True,true",
        "true,true",
        "1,true",
        "yes,true",
        "on,true",
        "False,false",
        "false,false",
        "0,false",
        "NO,false"
    })
    void shouldReadBooleansAsWords(String word, boolean meaning) {
        assertThat(settings("bf16", word).flag(Keys.BF16)).isEqualTo(meaning);
    }

    @ParameterizedTest
    @CsvSource({"0.,0", "2e-5,2e-5", "1E-5,1e-5", ".5,0.5", "1,1", "1_000,1000"})
    void shouldReadNumbersInEveryDecimalForm(String text, double value) {
        assertThat(settings("learning_rate", text).number(Keys.LEARNING_RATE)).isEqualTo(value);
    }

    @ParameterizedTest
    @CsvSource({
        "learning_rate,fast,not a number",
        "learning_rate,NaN,not a finite number",
        "learning_rate,1e999,not a finite number",
        "save_steps,1.5,not a whole number",
        "save_total_limit,99999999999,does not fit 32 bits",
        "bf16,maybe,not True or False",
        "reduce_dtype,bf16,'not one of float32, bfloat16'",
        "save_strategy,often,'not one of no, steps, epoch'",
        "nnodes,4:1,'MIN is 1 at least, and at most MAX'",
        "nnodes,0:2,'MIN is 1 at least, and at most MAX'",
        "nnodes,1:3,'use --virtual_ranks 2, or more nodes for MIN'",
        "nnodes,1:,two as in MIN:MAX",
        "nnodes,1:2:3,two as in MIN:MAX",
        "nnodes,200000000,1 to 4096",
        "nproc_per_node,4097,at most 4096",
        "nproc_per_node,'2,1',one number",
        "nproc_per_node,'',one number",
        "per_device_train_batch_size,2000000,1 to 1000000",
        "gradient_accumulation_steps,2000000000,1 to 1000000",
        "virtual_ranks,-1,1 to 4096",
        "virtual_ranks,4097,1 to 4096",
        "virtual_ranks,3,1 workers cannot hold them"
    })
    void shouldNameKeyAndValueWhenItRefuses(String key, String value, String rule) {
        Map<String, String> flags = new LinkedHashMap<>(needed());
        flags.put(key, value);

        assertThatThrownBy(() -> RunConfig.read(Settings.of(flags, null)))
                .isInstanceOfSatisfying(
                        TuttiException.class, e -> assertThat(e.category()).isEqualTo(Category.USER))
                .hasMessageContainingAll("--" + key, value, rule);
    }

    @Test
    void shouldTakeANumberOfWorkersForEachNode() {
        Map<String, String> flags = new LinkedHashMap<>(needed());
        flags.putAll(Map.of("nnodes", "3", "nproc_per_node", "2,1,4", "node_rank", "2"));
        LaunchConfig last = RunConfig.read(Settings.of(flags, null)).launch();
        assertThat(last.nprocPerNode()).isEqualTo(4);
        assertThat(last.firstRank()).isEqualTo(3);
        assertThat(last.worldSize()).isEqualTo(7);
        assertThat(last.nodes()).containsExactly(0, 0, 1, 2, 2, 2, 2);

        flags.put("nproc_per_node", "2");
        assertThat(RunConfig.read(Settings.of(flags, null)).launch())
                .isEqualTo(last.with(2))
                .extracting(LaunchConfig::firstRank, LaunchConfig::worldSize)
                .containsExactly(4, 6);
    }

    @Test
    void shouldKeepTheVirtualRanksOfAllNodesWhereNodesComeAndGo() {
        Map<String, String> flags = new LinkedHashMap<>(needed());
        flags.putAll(Map.of("nnodes", "1:4", "nproc_per_node", "2,2,1,3", "virtual_ranks", "8"));
        RunConfig given = RunConfig.read(Settings.of(flags, null));
        assertThat(given.launch().elastic()).isTrue();
        assertThat(given.launch().fewestWorkers()).isEqualTo(1);
        assertThat(given.train().mostHeldBy(7)).isEqualTo(4);

        flags.keySet().remove("virtual_ranks");
        flags.putAll(Map.of("nnodes", "2:4", "nproc_per_node", "2"));
        RunConfig usual = RunConfig.read(Settings.of(flags, null));
        assertThat(usual.train().virtualRanks(1)).isEqualTo(8);
        assertThat(usual.plan().fewestWorkers()).isEqualTo(4);
    }

    @Test
    void shouldReadYamlsFloatsThatYamlTakesForStrings() throws IOException {
        Path file = Files.writeString(temp.resolve("run.yaml"), """
                learning_rate: 1e-5
                weight_decay: 0.
                adam_epsilon: 1.0e-9
                bf16: yes
                gradient-checkpointing: True
                data_path: [a.json, b.json]
                model_name_or_path: m
                output_dir: o
                resume_from_checkpoint:
                """);

        RunConfig config = RunConfig.read(Settings.of(Map.of(), file));
        assertThat(config.optim().learningRate()).isEqualTo(1e-5);
        assertThat(config.optim().weightDecay()).isZero();
        assertThat(config.train().bf16()).isTrue();
        assertThat(config.train().checkpointing()).isEqualTo(GradientCheckpointing.of(Policy.FULL));
        assertThat(config.data().paths()).containsExactly(Path.of("a.json"), Path.of("b.json"));
        assertThat(config.output().resumes()).isFalse();
    }

    @Test
    void shouldLetFlagsWinOverTheFile() throws IOException {
        Path file = Files.writeString(temp.resolve("run.yaml"), "seed: 1\nsave_steps: 7\n");

        Settings settings = Settings.of(Map.of("seed", "2"), file);
        assertThat(settings.integer(Keys.SEED)).isEqualTo(2);
        assertThat(settings.integer(Keys.SAVE_STEPS)).isEqualTo(7);
    }

    @ParameterizedTest
    @ValueSource(strings = {"a: {b: c}\n", "- a\n", "seed: [\n", "sede: 1\n"})
    void shouldNameTheFileThatCannotBeUsed(String yaml) throws IOException {
        Path file = Files.writeString(temp.resolve("run.yaml"), yaml.replace("a: {", "seed: {"));

        assertThatThrownBy(() -> Settings.of(Map.of(), file))
                .isInstanceOf(TuttiException.class)
                .hasMessageContaining("run.yaml");
    }

    @Test
    void shouldRefuseABatchThatNoIntHolds() {
        Map<String, String> flags = new LinkedHashMap<>(needed());
        flags.put("per_device_train_batch_size", "1000000");
        flags.put("gradient_accumulation_steps", "1000");
        flags.put("nproc_per_node", "2");
        assertThat(RunConfig.read(Settings.of(flags, null)).train().globalBatch(2))
                .isEqualTo(2_000_000_000);

        flags.put("nproc_per_node", "3");
        assertThatThrownBy(() -> RunConfig.read(Settings.of(flags, null)))
                .isInstanceOfSatisfying(
                        TuttiException.class, e -> assertThat(e.category()).isEqualTo(Category.USER))
                .hasMessageContainingAll("=1000000", "=1000 ", "3 virtual ranks", "2147483647");
    }

    @Test
    void shouldRefuseToRoundTheGradientsOfTheReferenceBackend() {
        Map<String, String> flags = workersWithVirtualRanks(2, "0");
        assertThat(RunConfig.read(Settings.of(flags, null)).allReduce().reduceDType())
                .isEqualTo(ReduceDType.FLOAT32);
        flags.put("reduce_dtype", "bfloat16");
        assertThat(RunConfig.read(Settings.of(flags, null)).allReduce().reduceDType())
                .isEqualTo(ReduceDType.BFLOAT16);
        flags.put("backend", "reference");
        Settings settings = Settings.of(flags, null);
        for (Runnable read : List.<Runnable>of(() -> RunConfig.read(settings), () -> PlanConfig.read(settings))) {
            assertThatThrownBy(read::run)
                    .isInstanceOfSatisfying(
                            TuttiException.class, e -> assertThat(e.category()).isEqualTo(Category.USER))
                    .hasMessageContainingAll("--reduce_dtype bfloat16", "reference", "float64");
        }
    }

    @ParameterizedTest(name = "{0} virtual ranks on {1} workers")
    @CsvSource({"0,3,3,1", "4,4,4,1", "4,2,4,2", "4,1,4,4", "6,3,6,2"})
    void shouldLetEachWorkerHoldAPowerOfTwoOfTheVirtualRanks(String given, int workers, int all, int each) {
        RunConfig config = RunConfig.read(Settings.of(workersWithVirtualRanks(workers, given), null));
        assertThat(config.train().virtualRanks(workers)).isEqualTo(all);
        assertThat(config.train().virtualRanksEach(workers)).isEqualTo(each);
        assertThat(config.train().globalBatch(workers)).isEqualTo(8 * all);
        assertThat(config.plan().train()).isEqualTo(config.train());
    }

    @ParameterizedTest(name = "{0} virtual ranks on {1} workers")
    @CsvSource({
        "6,4,use 3 or 6 workers in all; or --virtual_ranks 4",
        "6,1,use 3 or 6 workers in all; or --virtual_ranks 4",
        "2,4,use 1 or 2 workers in all; or --virtual_ranks 4",
        "12,5,use 3 or 6 or 12 workers in all; or --virtual_ranks 10"
    })
    void shouldSayWhichWorkersCanHoldTheVirtualRanks(String given, int workers, String fix) {
        Settings settings = Settings.of(workersWithVirtualRanks(workers, given), null);
        for (Runnable read : List.<Runnable>of(() -> RunConfig.read(settings), () -> PlanConfig.read(settings))) {
            assertThatThrownBy(read::run)
                    .isInstanceOfSatisfying(
                            TuttiException.class, e -> assertThat(e.category()).isEqualTo(Category.USER))
                    .hasMessageContainingAll("--virtual_ranks=" + given, workers + " workers cannot hold them", fix);
        }
    }

    private static Map<String, String> workersWithVirtualRanks(int workers, String virtualRanks) {
        Map<String, String> flags = new LinkedHashMap<>(needed());
        flags.put("nproc_per_node", Integer.toString(workers));
        flags.put("virtual_ranks", virtualRanks);
        return flags;
    }

    @Test
    void shouldRefuseAFileThatIsNestedTooDeepInOneLine() throws IOException {
        for (String deep : List.of("[".repeat(5000), "{a: ".repeat(5000))) {
            Path file = Files.writeString(temp.resolve("run.yaml"), "seed: " + deep);
            assertThatThrownBy(() -> Settings.of(Map.of(), file))
                    .isInstanceOfSatisfying(
                            TuttiException.class, e -> assertThat(e.category()).isEqualTo(Category.USER))
                    .hasMessageContaining("run.yaml")
                    .hasMessageNotContaining("\n");
        }
    }

    @Test
    void shouldOfferTheNearestNameForAnUnknownFlag() {
        assertThatThrownBy(() -> settings("learnin-rate", "1"))
                .isInstanceOf(TuttiException.class)
                .hasMessageContainingAll("--learnin-rate", "did you mean --learning_rate?");
        assertThat(Settings.nearest("gradient_checkpoint")).isEqualTo("--gradient_checkpointing");
        assertThat(Settings.nearest("nprocs_per_node")).isEqualTo("--nproc_per_node");
    }

    @Test
    void shouldHaveAReaderForEveryKey() {
        Settings settings = Settings.of(needed(), null);
        RunConfig.read(settings);

        assertThat(Keys.all().stream()
                        .filter(key -> !settings.read().contains(key))
                        .map(Key::name))
                .as("keys that no record reads")
                .isEmpty();
    }

    @Test
    void shouldHaveNoKeyThatIsAlsoAnswered() {
        assertThat(Answered.all().keySet())
                .doesNotContainAnyElementsOf(Keys.all().stream().map(Key::name).toList());
    }

    @Test
    void shouldAcceptEveryDefault() {
        RunConfig config = RunConfig.read(Settings.of(needed(), null));

        assertThat(config.launch().worldSize()).isEqualTo(1);
        assertThat(config.optim().learningRate()).isEqualTo(5e-5);
    }

    @Test
    void shouldRoundTripThroughAFile() throws IOException {
        Settings settings = Settings.of(fastChat(), null);
        String json = settings.effective().entrySet().stream()
                .map(entry -> "\"%s\": \"%s\"".formatted(entry.getKey(), entry.getValue()))
                .collect(Collectors.joining(",\n", "{", "}"));

        Settings again = Settings.of(Map.of(), Files.writeString(temp.resolve("run.json"), json));
        assertThat(again.effective()).isEqualTo(settings.effective());
        assertThat(RunConfig.read(again)).isEqualTo(RunConfig.read(settings));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "jdbc:postgresql://host/db?password=hunter2",
                "jdbc:postgresql://host/db?user=me&sslPassword=hunter2",
                "jdbc:postgresql://me:hunter2@host/db"
            })
    void shouldRefuseAPasswordInTheLedgersUrlWithoutRepeatingIt(String url) {
        assertThatThrownBy(() -> LedgerConfig.read(settings("ledger", url)))
                .isInstanceOf(TuttiException.class)
                .hasMessageContaining("PGPASSWORD")
                .hasMessageNotContaining("hunter2");
    }

    @Test
    void shouldKeepTheLedgerInAFileOrOnAPostgresqlServer() {
        assertThat(LedgerConfig.read(settings("ledger", "")).embedded()).isTrue();
        assertThat(LedgerConfig.read(settings("ledger", "jdbc:postgresql://host/db?user=me&ssl=true"))
                        .embedded())
                .isFalse();
        assertThatThrownBy(() -> LedgerConfig.read(settings("ledger", "jdbc:mysql://host/db")))
                .hasMessageContaining("--ledger=jdbc:mysql://host/db: jdbc:postgresql://HOST/DATABASE");
    }

    private static Settings settings(String key, String value) {
        return Settings.of(Map.of(key, value), null);
    }

    private static Map<String, String> needed() {
        return Map.of("model_name_or_path", "m", "data_path", "d.json", "output_dir", "o");
    }

    /** FastChat's README, as the launcher hands it over. */
    private static Map<String, String> fastChat() {
        Map<String, String> flags = new LinkedHashMap<>();
        flags.put("nproc_per_node", "4");
        flags.put("master_port", "20001");
        flags.put("model_name_or_path", "meta-llama/Llama-2-7b-hf");
        flags.put("data_path", "data/dummy_conversation.json");
        flags.put("bf16", "True");
        flags.put("output_dir", "output_vicuna");
        flags.put("num_train_epochs", "3");
        flags.put("per_device_train_batch_size", "2");
        flags.put("per_device_eval_batch_size", "2");
        flags.put("gradient_accumulation_steps", "16");
        flags.put("evaluation_strategy", "no");
        flags.put("save_strategy", "steps");
        flags.put("save_steps", "1200");
        flags.put("save_total_limit", "10");
        flags.put("learning_rate", "2e-5");
        flags.put("weight_decay", "0.");
        flags.put("warmup_ratio", "0.03");
        flags.put("lr_scheduler_type", "cosine");
        flags.put("logging_steps", "1");
        flags.put("fsdp", "full_shard auto_wrap");
        flags.put("fsdp_transformer_layer_cls_to_wrap", "LlamaDecoderLayer");
        flags.put("tf32", "True");
        flags.put("model_max_length", "2048");
        flags.put("gradient_checkpointing", "True");
        flags.put("lazy_preprocess", "True");
        return flags;
    }
}
