package tutti.worker.train;

import tutti.common.config.TrainConfig.Backend;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.ReferenceKernels;
import tutti.worker.tensor.nd4j.Nd4jKernels;
import tutti.worker.tensor.torch.TorchKernels;

/** Opens the backend that {@code --backend} names; the native libraries of the others are not touched. */
public final class Backends {
    private Backends() {}

    /** @param threads that compute, for backends that use more than one; the caller closes the kernels */
    public static Kernels open(Backend backend, int threads) {
        return switch (backend) {
            case AUTO, TORCH -> new TorchKernels(threads);
            case ND4J -> new Nd4jKernels(threads);
            case REFERENCE -> new ReferenceKernels();
        };
    }
}
