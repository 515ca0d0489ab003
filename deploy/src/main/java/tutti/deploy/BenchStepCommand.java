package tutti.deploy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintStream;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tutti.common.config.TrainConfig.Backend;
import tutti.common.config.TrainConfig.DeviceKind;
import tutti.deploy.bench.BenchShape;
import tutti.deploy.bench.StepBench;

/** {@code tutti bench step}: optimizer steps of a real run on random tokens. */
@Command(
        name = "step",
        description = "optimizer steps of a real run on random tokens: tokens/s, phases, share of the matmul ceiling",
        sortOptions = false,
        mixinStandardHelpOptions = true)
final class BenchStepCommand implements Callable<Integer> {
    private final PrintStream out;
    private final PrintStream err;

    @Spec
    private CommandSpec spec;

    @Option(
            names = "--shape",
            defaultValue = "15m",
            description = "tiny, 15m, 42m, 110m, or the path of a config.json (default: 15m)")
    private String shape;

    @Option(names = "--nproc_per_node", defaultValue = "2", description = "workers (default: 2)")
    private int workers;

    @Option(
            names = "--per_device_train_batch_size",
            defaultValue = "4",
            description = "sequences of one worker's step (default: 4)")
    private int batch;

    @Option(names = "--model_max_length", defaultValue = "256", description = "tokens of a sequence (default: 256)")
    private int sequence;

    @Option(
            names = "--bf16",
            arity = "0..1",
            fallbackValue = "true",
            defaultValue = "false",
            description = "compute in bfloat16")
    private boolean bf16;

    @Option(
            names = "--gradient_checkpointing",
            arity = "0..1",
            fallbackValue = "true",
            defaultValue = "auto",
            description = "as tutti run takes it (default: auto)")
    private String checkpointing;

    @Option(names = "--activation_memory_gb", defaultValue = "0", description = "as tutti run takes it (default: 0)")
    private String activationGb;

    @Option(names = "--zero", defaultValue = "0", description = "as tutti run takes it (default: 0)")
    private int zero;

    @Option(names = "--steps", defaultValue = "5", description = "steps to time (default: 5)")
    private int steps;

    @Option(names = "--warmup", defaultValue = "2", description = "steps before those (default: 2)")
    private int warmup;

    @Option(names = "--backend", defaultValue = "auto", description = "as tutti run takes it (default: auto)")
    private Backend backend;

    @Option(names = "--device", defaultValue = "auto", description = "as tutti run takes it (default: auto)")
    private DeviceKind device;

    @Option(names = "--seed", defaultValue = "42", description = "of tokens and weights (default: 42)")
    private int seed;

    @Mixin
    private JsonFlag json;

    BenchStepCommand(PrintStream out, PrintStream err) {
        this.out = out;
        this.err = err;
    }

    @Override
    public Integer call() throws JsonProcessingException {
        StepBench.Options options = new StepBench.Options(
                BenchShape.of(shape, sequence),
                workers,
                batch,
                sequence,
                bf16,
                checkpointing,
                activationGb,
                zero,
                steps,
                warmup,
                backend,
                device,
                seed);
        boolean verbose = spec.commandLine().getParseResult().hasMatchedOption(Tutti.VERBOSE);
        StepBench.Launcher launcher = (settings, config, quiet) -> Tutti.run(settings, config, verbose, quiet, err);
        StepBench.Outcome outcome = new StepBench(launcher, err, System::nanoTime, System.getenv()).run(options);
        if (outcome.result().isPresent()) {
            out.print(
                    json.given()
                            ? new ObjectMapper()
                                            .writeValueAsString(outcome.result().get())
                                    + System.lineSeparator()
                            : outcome.result().get().table());
            out.flush();
        }
        return outcome.exitCode();
    }
}
