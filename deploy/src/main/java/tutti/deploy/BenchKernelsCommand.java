package tutti.deploy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintStream;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tutti.common.config.TrainConfig.Backend;
import tutti.common.config.TrainConfig.DeviceKind;
import tutti.deploy.bench.BenchShape;
import tutti.deploy.bench.KernelBench;
import tutti.deploy.bench.KernelReport;
import tutti.worker.tensor.DType;
import tutti.worker.train.Backends;

/** {@code tutti bench kernels}: every operation of a backend by itself. */
@Command(
        name = "kernels",
        description =
                "every operation of a backend at the sizes of a model: time, GFLOP/s or GB/s, share of the ceiling",
        sortOptions = false,
        mixinStandardHelpOptions = true)
final class BenchKernelsCommand implements Callable<Integer> {
    private final PrintStream out;

    @Option(names = "--backend", defaultValue = "auto", description = "as tutti run takes it (default: auto)")
    private Backend backend;

    @Option(names = "--device", defaultValue = "auto", description = "as tutti run takes it (default: auto)")
    private DeviceKind device;

    @Option(
            names = "--dtype",
            description =
                    "of activations: bf16 or f32 (default: bf16 where the backend has it; the reference has f64 only)")
    private DType dtype;

    @Option(
            names = "--shape",
            defaultValue = "110m",
            description = "tiny, 15m, 42m, 110m, or the path of a config.json (default: 110m)")
    private String shape;

    @Option(names = "--per_device_train_batch_size", defaultValue = "1", description = "sequences (default: 1)")
    private int batch;

    @Option(names = "--model_max_length", defaultValue = "512", description = "tokens of a sequence (default: 512)")
    private int sequence;

    @Option(names = "--threads", defaultValue = "1", description = "threads that compute (default: 1)")
    private int threads;

    @Mixin
    private JsonFlag json;

    BenchKernelsCommand(PrintStream out) {
        this.out = out;
    }

    @Override
    public Integer call() throws JsonProcessingException {
        KernelReport report = new KernelBench(System::nanoTime)
                .run(new KernelBench.Options(
                        BenchShape.of(shape, sequence),
                        batch,
                        sequence,
                        backend,
                        Backends.device(backend, device, 0),
                        dtype,
                        threads));
        out.print(
                json.given() ? new ObjectMapper().writeValueAsString(report) + System.lineSeparator() : report.table());
        out.flush();
        return 0;
    }
}
