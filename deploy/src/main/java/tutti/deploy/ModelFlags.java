package tutti.deploy;

import static tutti.common.error.TuttiException.require;

import java.nio.file.Path;
import picocli.CommandLine.Option;
import tutti.common.config.TrainConfig.Backend;
import tutti.common.config.TrainConfig.DeviceKind;
import tutti.worker.generate.TextModel;
import tutti.worker.train.Backends;

/** The model that answers and what computes it, the same for every command that has one. */
final class ModelFlags {
    @Option(names = "--model", required = true, description = "folder in Hugging Face layout")
    private Path model;

    @Option(
            names = "--bf16",
            arity = "0..1",
            fallbackValue = "true",
            defaultValue = "false",
            description = "compute in bfloat16")
    private boolean bf16;

    @Option(names = "--backend", defaultValue = "auto", description = "torch, nd4j or reference (default: auto, torch)")
    private Backend backend;

    @Option(
            names = "--device",
            defaultValue = "auto",
            description = "cpu or cuda (default: auto, cuda in a build with -Pcuda)")
    private DeviceKind device;

    Path folder() {
        return model;
    }

    /** Of process {@code rank} of so many on this machine: each has its own CUDA device, or its share of the threads. */
    TextModel.Engine engine(int rank, int processes) {
        require(
                device != DeviceKind.CUDA || backend == Backend.AUTO || backend == Backend.TORCH,
                "--device cuda: --backend %s has no such device; --backend torch has",
                backend.word());
        return new TextModel.Engine(
                backend,
                Backends.device(backend, device, rank),
                bf16,
                TextModel.usefulThreads(model, System.getenv(), processes));
    }

    /** The weights of the folder, computed by this process alone. */
    TextModel load() {
        return TextModel.load(model, engine(0, 1));
    }
}
