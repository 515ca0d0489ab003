package tutti.worker.tensor.torch;

import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import tutti.common.error.TuttiException;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Device;

/** libtorch's side of a {@link Device}: what its tensors are made with, and the way between its memory and the host's. */
final class TorchDevice {
    private static final Map<Device, TorchDevice> OPEN = new ConcurrentHashMap<>();

    private final Device device;
    private final org.bytedeco.pytorch.Device handle;
    private final Map<DType, TensorOptions> options = new EnumMap<>(DType.class);
    private final TensorOptions hostBytes;
    private final Tensor minusOne;

    private TorchDevice(Device device) {
        this.device = device;
        this.handle = outlivingScopes(new org.bytedeco.pytorch.Device(device.toString()));
        for (DType dtype : DType.values()) {
            options.put(dtype, outlivingScopes(on(new TensorOptions(TorchTensor.scalarType(dtype)))));
        }
        try (Scalar value = new Scalar(-1.0)) {
            this.minusOne = outlivingScopes(torch.full(new long[] {1, 1}, value, options.get(DType.F32)));
        }
        this.hostBytes = outlivingScopes(new TensorOptions(torch.ScalarType.Byte));
    }

    private TensorOptions on(TensorOptions options) {
        return device.cuda() ? options.device(new org.bytedeco.pytorch.DeviceOptional(handle)) : options;
    }

    Device device() {
        return device;
    }

    boolean cuda() {
        return device.cuda();
    }

    TensorOptions options(DType dtype) {
        return options.get(dtype);
    }

    /** Float32 (1,1). */
    Tensor minusOne() {
        return minusOne;
    }

    /** A host tensor here: itself on the CPU. */
    Tensor place(Tensor host) {
        return cuda() ? host.to(handle, host.scalar_type()) : host;
    }

    /** Copies {@code from}, U8, to the host; waits for the kernels before. */
    void download(Tensor from, ByteBuffer into) {
        ByteBuffer direct = into.isDirect() ? into : ByteBuffer.allocateDirect(into.remaining());
        onHost(direct).copy_(from);
        if (direct == into) {
            into.position(into.limit());
        } else {
            into.put(direct);
        }
    }

    /** Copies the host's bytes into {@code to}, U8; they may be changed when it returns. */
    void upload(Tensor to, ByteBuffer from) {
        ByteBuffer direct = from;
        if (!from.isDirect()) {
            direct = ByteBuffer.allocateDirect(from.remaining())
                    .put(from.duplicate())
                    .flip();
        }
        to.copy_(onHost(direct));
        Reference.reachabilityFence(direct);
        from.position(from.limit());
    }

    /** The remaining bytes of a direct buffer. */
    private Tensor onHost(ByteBuffer direct) {
        return torch.from_blob(new BytePointer(direct.slice()), new long[] {direct.remaining()}, hostBytes);
    }

    /** A new native object that the scope which is open, if one is, does not free: whoever keeps it closes it. */
    static <P extends Pointer> P outlivingScopes(P pointer) {
        pointer.retainReference();
        return pointer;
    }

    /**
     * One for each device, which lasts as long as the process.
     *
     * @throws TuttiException (environment) if the device is not here
     */
    static TorchDevice open(Device device) {
        if (device.cuda()) {
            int found = LibTorch.cudaDevices();
            if (device.index() >= found) {
                throw TuttiException.environment(
                        "%s: this machine has CUDA devices=%d; one worker takes one device: lower --nproc_per_node, or --device cpu",
                        device, found);
            }
            // Else sums of a product may be rounded to bfloat16 on the way.
            TorchKernels.scoped(() -> torch.globalContext().setAllowBF16ReductionCuBLAS(false));
        }
        return OPEN.computeIfAbsent(device, TorchDevice::new);
    }
}
