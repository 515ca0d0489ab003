package tutti.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import tutti.common.config.GradientCheckpointing;
import tutti.common.config.GradientCheckpointing.Policy;
import tutti.common.config.RunConfig;
import tutti.common.config.Settings;
import tutti.common.error.Category;

class RunFlagsTest {
    private RunConfig config;
    private Settings settings;
    private String error = "";

    @Test
    void shouldReadFastChatsCommandLine() {
        assertThat(read("""
                        --nproc_per_node=4 --master_port=20001 --model_name_or_path llama --data_path dummy.json
                        --bf16 True --output_dir out --num_train_epochs 3 --per_device_train_batch_size 2
                        --per_device_eval_batch_size 16 --gradient_accumulation_steps 16 --evaluation_strategy no
                        --save_strategy steps --save_steps 1200 --save_total_limit 10 --learning_rate 2e-5
                        --weight_decay 0. --warmup_ratio 0.03 --lr_scheduler_type cosine --logging_steps 1
                        --fsdp full_shard|auto_wrap --fsdp_transformer_layer_cls_to_wrap LlamaDecoderLayer --tf32 True
                        --model_max_length 2048 --gradient_checkpointing True --lazy_preprocess True
                        """.strip().split("\\s+"))).isZero();
        assertThat(config.launch().worldSize()).isEqualTo(4);
        assertThat(config.train().bf16()).isTrue();
        assertThat(config.train().checkpointing()).isEqualTo(GradientCheckpointing.of(Policy.FULL));
        assertThat(settings.answers()).hasSize(4);
    }

    @ParameterizedTest
    @ValueSource(strings = {"--bf16", "--bf16 True", "--bf16=true", "--bf16 1", "--bf16 False --bf16 yes"})
    void shouldTakeASwitchInEveryForm(String words) {
        assertThat(readOn(words.split(" "))).isZero();
        assertThat(config.train().bf16()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"--shuffle False", "--shuffle=no"})
    void shouldTurnASwitchOff(String words) {
        assertThat(readOn(words.split(" "))).isZero();
        assertThat(config.data().shuffle()).isFalse();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "--data_path b.json c.json --bf16",
                "--data-path b.json,c.json",
                "--data_path b.json --bf16 --data-path=c.json"
            })
    void shouldTakeAListInEveryForm(String words) {
        assertThat(read(("--model-name-or-path m --output-dir o " + words).split(" ")))
                .isZero();
        assertThat(config.data().paths()).map(Object::toString).containsExactly("b.json", "c.json");
    }

    @Test
    void shouldTakeNegativeNumbersAndValuesWithBlanks() {
        assertThat(readOn("--max_steps", "-1", "--fsdp", "full_shard auto_wrap"))
                .isZero();
        assertThat(settings.answers()).singleElement().asString().contains("--fsdp full_shard auto_wrap: no effect");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "--learnin_rate 2e-5",
                "--learnin-rate=2e-5",
                "--bf16 --learnin_rate 2e-5",
                "--bf16 --learnin_rate=2e-5",
                "--data_path a b --learnin_rate 2e-5",
                "--data_path a b --learnin_rate=2e-5",
                "--fsdp --learnin_rate=2e-5"
            })
    void shouldOfferTheNearestFlag(String words) {
        assertThat(readOn(words.split(" "))).isEqualTo(Category.USER.exitCode());
        assertThat(error).matches("tutti: error: --learnin[_-]rate: no such flag; did you mean --learning_rate\\?\n");
    }

    @ParameterizedTest
    @CsvSource({
        "generate --modle m --prompt x, --modle, --model",
        "generate --model m --prompt x --max-new-token 3, --max-new-token, --max_new_tokens",
        "generate --model m --prompt x --chat --top-kk 3, --top-kk, --top_k",
        "eval --model m --data_path x --limits=3, --limits, --limit",
        "quickstart --output-di x, --output-di, --output_dir"
    })
    void shouldOfferTheNearestFlagOfThatCommand(String words, String wrong, String nearest) {
        assertThat(executeAll(words.split(" "))).isEqualTo(Category.USER.exitCode());
        assertThat(error).isEqualTo("tutti: error: %s: no such flag; did you mean %s?\n".formatted(wrong, nearest));
    }

    @Test
    void shouldFindEveryCommandByItsOwnName() {
        Tutti.commands()
                .forEach((name, command) ->
                        assertThat(command.get().getCommandName()).isEqualTo(name));
    }

    @Test
    void shouldShowTheFlagsThatACommandHasBesidesThoseOfARun() {
        assertThat(help("run"))
                .contains("--lr_scheduler_kwargs JSON", "--config FILE")
                .doesNotContain("--json");
        assertThat(help("plan")).contains("--json", "--config FILE");
        assertThat(help("data")).contains("--json", "--samples N", "--config FILE");
    }

    private static String help(String command) {
        return Tutti.commands().get(command).get().getUsageMessage();
    }

    @Test
    void shouldTakeDashesAndVerboseWithEveryCommand() {
        assertThat(executeAll("generate", "--model=m", "--prompt=x", "--max-new-tokens=0", "--verbose"))
                .isEqualTo(Category.USER.exitCode());
        assertThat(error)
                .startsWith("tutti: error: --max_new_tokens=0: at least 1\n")
                .contains("\tat tutti.deploy.");
        assertThat(executeAll("eval", "--model=m", "--data-path=x", "--max-new-tokens=0"))
                .isEqualTo(Category.USER.exitCode());
        assertThat(error).isEqualTo("tutti: error: --max_new_tokens=0: at least 1\n");
        assertThat(executeAll("quickstart", "--nproc-per-node=0", "--verbose")).isEqualTo(Category.USER.exitCode());
        assertThat(error).startsWith("tutti: error: --nproc_per_node=0: at least 1\n");
    }

    /** With the commands whose flags are their own. */
    private int executeAll(String... words) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        PrintStream err = new PrintStream(bytes, true, StandardCharsets.UTF_8);
        int code = Tutti.execute(
                Tutti.commandLine(
                        new CommandLine(new GenerateCommand(System.out)),
                        EvalCommand.commandLine(System.out, err),
                        new CommandLine(new QuickstartCommand(System.out))),
                err,
                words);
        error = bytes.toString(StandardCharsets.UTF_8);
        return code;
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"train_mem.py", "--learning_rate", "--learning_rate fast", "--bf16 maybe", "--config none.yaml"})
    void shouldRefuseInOneLine(String words) {
        assertThat(readOn(words.split(" "))).isEqualTo(Category.USER.exitCode());
        assertThat(error).startsWith("tutti: error: ").hasLineCount(1);
    }

    @Test
    void shouldCallAnythingElseABugAndPointToTheStack() {
        assertThat(execute(
                        (settings, config, verbose) -> {
                            throw new IllegalStateException("odd\nthing");
                        },
                        some()))
                .isEqualTo(Category.BUG.exitCode());
        assertThat(error).contains("odd thing", "--verbose").hasLineCount(1);
    }

    @Test
    void shouldKeepTheStackInTheLogs(@TempDir Path out) throws IOException {
        Path logs = Files.createDirectory(out.resolve("logs"));
        assertThat(execute(
                        (settings, config, verbose) -> {
                            throw new StackOverflowError("deep");
                        },
                        "--model_name_or_path=m",
                        "--data_path=a",
                        "--output_dir=" + out))
                .isEqualTo(Category.BUG.exitCode());
        assertThat(error).contains("report it with " + logs).hasLineCount(1);
        assertThat(logs).isDirectoryContaining("glob:**fault-run-*.txt");
    }

    @Test
    void shouldShowTheStackWhenAsked() {
        List<String> words = new ArrayList<>(Arrays.asList(some()));
        words.add("--verbose");
        assertThat(execute(
                        (settings, config, verbose) -> {
                            throw new IllegalStateException("odd");
                        },
                        words.toArray(String[]::new)))
                .isEqualTo(Category.BUG.exitCode());
        assertThat(error).contains("at tutti.deploy.RunFlagsTest");
    }

    private int readOn(String... more) {
        List<String> words = new ArrayList<>(Arrays.asList(some()));
        words.addAll(Arrays.asList(more));
        return read(words.toArray(String[]::new));
    }

    private static String[] some() {
        return new String[] {"--model_name_or_path=m", "--data_path=a", "--output_dir=o"};
    }

    private int read(String... words) {
        return execute(
                (settings, config, verbose) -> {
                    this.settings = settings;
                    this.config = config;
                    return 0;
                },
                words);
    }

    private int execute(RunFlags.Body body, String... words) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        PrintStream err = new PrintStream(bytes, true, StandardCharsets.UTF_8);
        CommandLine tutti = Tutti.commandLine(RunFlags.command("run", "for a test", body));
        String[] all = new String[words.length + 1];
        all[0] = "run";
        System.arraycopy(words, 0, all, 1, words.length);
        int code = Tutti.execute(tutti, err, all);
        error = bytes.toString(StandardCharsets.UTF_8);
        return code;
    }
}
