package tutti.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tutti.common.error.Category;

class BenchCommandTest {

    /** One line that names the flag, and nothing started. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "bench|what to measure is missing: step or kernels or allreduce (see tutti bench --help)",
                "bench steps|steps: no such command; there are step, kernels, allreduce",
                "bench step --shap tiny|--shap: no such flag; did you mean --shape?",
                "bench step --shape huge|--shape huge: neither tiny, 15m, 42m, 110m nor a file; a config.json is needed",
                "bench step --steps 0|--steps=0: at least 1",
                "bench step --warmup=-1|--warmup=-1: not below 0",
                "bench step --model_max_length 1|--model_max_length=1: at least 2, a token and the one it predicts",
                "bench step --nproc_per_node 0|--nproc_per_node=0: at least 1",
                "bench step --gradient_checkpointing perhaps|--gradient_checkpointing",
                "bench step --steps few|Invalid value for option '--steps': 'few' is not an int (see tutti bench step --help)",
                "bench kernels --threads 0|--threads=0: at least 1",
                "bench kernels --per-device-train-batch-size 0|--per_device_train_batch_size=0: at least 1",
                "bench kernels --shape tiny --backend reference --dtype bf16|--dtype bf16: the reference backend has [f64]",
                "bench allreduce --world_size 1|--world_size=1: 2 to 256 ranks",
                "bench allreduce --bytes 1k,1.5m|--bytes 1.5m: a size such as 256k or 4m is needed",
                "bench allreduce --reduce_dtype bfloat16|--reduce_dtype bfloat16: --transport auto is one node, in which nothing is rounded",
                "bench allreduce --transport ucx|Invalid value for option '--transport'",
                "bench allreduce-rank none|a rank is started by `tutti bench allreduce`, not by hand: "
            })
    void shouldSayWhatIsWrong(String words, String message) {
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        PrintStream errors = new PrintStream(err, true, StandardCharsets.UTF_8);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        PrintStream lines = new PrintStream(out, true, StandardCharsets.UTF_8);
        int code = Tutti.execute(
                Tutti.commandLine(BenchCommand.commandLine(lines, errors)),
                errors,
                words.strip().split(" "));
        assertThat(code).isEqualTo(Category.USER.exitCode());
        assertThat(err.toString(StandardCharsets.UTF_8).lines())
                .singleElement()
                .asString()
                .startsWith("tutti: error: " + message);
        assertThat(out.toString(StandardCharsets.UTF_8)).isEmpty();
    }
}
