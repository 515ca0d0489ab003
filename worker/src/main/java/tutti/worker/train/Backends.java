package tutti.worker.train;

import java.util.Locale;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tutti.common.config.TrainConfig.Backend;
import tutti.common.config.TrainConfig.DeviceKind;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.worker.allreduce.PlainAddition;
import tutti.worker.tensor.Addition;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Device;
import tutti.worker.tensor.KernelSizes;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.ReferenceKernels;
import tutti.worker.tensor.nd4j.Nd4jKernels;
import tutti.worker.tensor.nd4j.Nd4jWorkspace;
import tutti.worker.tensor.torch.LibTorch;
import tutti.worker.tensor.torch.TorchAddition;
import tutti.worker.tensor.torch.TorchKernels;
import tutti.worker.tensor.torch.TorchWorkspace;

/** The backend that {@code --backend} names; the native libraries of the others are not touched. */
public final class Backends {
    private static final Logger LOG = LoggerFactory.getLogger(Backends.class);

    private Backends() {}

    /**
     * Without loading the backend, so the device may turn out not to be there.
     *
     * @param localRank number of the worker on its node: each takes the CUDA device of its number
     */
    public static Device device(Backend backend, DeviceKind kind, int localRank) {
        boolean cuda = switch (kind) {
            case CPU -> false;
            case CUDA -> true;
            case AUTO -> (backend == Backend.AUTO || backend == Backend.TORCH) && LibTorch.packsCuda();
        };
        return cuda ? Device.cuda(localRank) : Device.CPU;
    }

    /**
     * @param device a CUDA device for the torch backend only
     * @param threads that compute, for backends that use more than one on the CPU; the caller closes the kernels
     * @throws TuttiException (environment) if the library does not load or the device is not here
     */
    public static Kernels open(Backend backend, Device device, int threads) {
        return loaded(backend, () -> switch (backend) {
            case AUTO, TORCH -> new TorchKernels(device, threads);
            case ND4J -> new Nd4jKernels(threads);
            case REFERENCE -> new ReferenceKernels();
        });
    }

    /**
     * Loads the backend's library on a thread of its own, so that a worker does so while it waits to be taken. One that does not load is
     * for {@link #open} to tell.
     */
    public static void loadAhead(Backend backend) {
        Thread loader = new Thread(
                () -> {
                    try {
                        addition(backend);
                    } catch (TuttiException e) {
                        LOG.debug("not loaded ahead of need", e);
                    }
                },
                "tutti-load-" + backend.name().toLowerCase(Locale.ROOT));
        loader.setDaemon(true);
        loader.start();
    }

    private static <T> T loaded(Backend backend, Supplier<T> open) {
        try {
            return open.get();
        } catch (ExceptionInInitializerError e) {
            // Libraries are loaded by static initializers, which wrap what they throw.
            throw e.getCause() instanceof TuttiException cause ? cause : unloadable(backend, e);
        } catch (LinkageError e) {
            throw unloadable(backend, e);
        }
    }

    private static TuttiException unloadable(Backend backend, Error cause) {
        String reason = String.valueOf(cause.getCause() == null ? cause : cause.getCause());
        return new TuttiException(
                Category.ENVIRONMENT,
                "--backend %s: its native library does not load here: %s; `tutti doctor` tells more"
                        .formatted(backend.name().toLowerCase(Locale.ROOT), reason),
                cause);
    }

    /**
     * Adds gradients in the host's memory.
     *
     * @throws TuttiException (environment) if the backend's library does not load
     */
    public static Addition addition(Backend backend) {
        return switch (backend) {
            case AUTO, TORCH -> loaded(backend, TorchAddition::new);
            case ND4J, REFERENCE -> new PlainAddition();
        };
    }

    /** What a memory plan has to know of the backend, without opening it. */
    public static KernelSizes sizes(Backend backend, Device device) {
        return switch (backend) {
            case AUTO, TORCH ->
                new KernelSizes(
                        "torch",
                        device,
                        DType.F32,
                        !device.cuda(),
                        device.cuda() ? 0 : TorchWorkspace.LIBRARY_BYTES,
                        (dimensions, compute) -> TorchWorkspace.bytes(dimensions, compute, device));
            case ND4J -> new KernelSizes("nd4j", device, DType.F32, false, 0, Nd4jWorkspace::bytes);
            case REFERENCE -> new KernelSizes("reference", device, DType.F64, true, 0, (dimensions, compute) -> 0);
        };
    }
}
