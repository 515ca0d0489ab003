package tutti.worker.tensor.torch;

import org.bytedeco.pytorch.global.torch;

/** What this build's libtorch says of itself. Devices are asked of the library, which loads it; the version is not. */
public final class LibTorch {
    private LibTorch() {}

    /** Of libtorch and its presets, such as {@code 2.10.0-1.5.13}. */
    public static String version() {
        return torch.class.getPackage().getImplementationVersion();
    }

    /** The instruction set that its own loops were chosen for, such as {@code AVX512}. */
    public static String cpuCapability() {
        String[] word = new String[1];
        TorchKernels.scoped(() -> word[0] = torch.get_cpu_capability().getString());
        return word[0];
    }

    /** True if this build packs libtorch for CUDA (profile {@code cuda}), whatever the machine has; loads nothing. */
    public static boolean packsCuda() {
        return NativeFiles.packCuda();
    }

    /** CUDA devices that can be used here: 0 without a driver, a device or CUDA code. */
    public static int cudaDevices() {
        int[] count = new int[1];
        TorchKernels.scoped(() -> count[0] = torch.hasCUDA() ? torch.cuda_device_count() : 0);
        return count[0];
    }
}
