package tutti.worker.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.stream.Stream;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tutti.worker.tensor.contract.SideBySide;
import tutti.worker.tensor.torch.Bf16Products;
import tutti.worker.tensor.torch.TorchKernels;

class TorchKernelsTest {

    static Stream<Bf16Products> bothWays() {
        return Stream.of(Bf16Products.natively("a test"), new Bf16Products(1, "a test"));
    }

    @ParameterizedTest
    @MethodSource("bothWays")
    void shouldNotLeaveNativeObjectsBehindAfterAKernelCall(Bf16Products bf16) {
        try (Kernels kernels = new TorchKernels(Device.CPU, 1, bf16);
                SideBySide pairs = new SideBySide(kernels, DType.BF16, 1)) {
            Tensor a = pairs.activation("a", 1, 32, 32).tested();
            Tensor b = pairs.activation("b", 1, 32, 32).tested();
            Tensor weight = pairs.weight("weight", 1, 32).tested();
            Tensor rstd = pairs.weight("rstd", 1, 32).tested();
            Tensor labels = pairs.randomIds("labels", 32, 32).tested();
            Tensor gradient = pairs.weight("gradient", 1, 32, 32).tested();
            Shape heads = Shape.of(32, 2, 16);
            Tensor headsA = a.view(heads);
            Tensor headsB = b.view(heads);
            Segments segments = Segments.of(20, 12);
            Runnable all = () -> {
                kernels.matmul(b, a, true, a, false, false);
                kernels.matmul(gradient, a, true, a, false, true);
                kernels.rmsNorm(b, rstd, a, weight, 1e-6);
                kernels.rmsNormBackward(b, weight, a, a, weight, rstd);
                kernels.attention(headsB, headsA, headsA, headsA, segments, 0.2);
                kernels.swiglu(b, a, a);
                kernels.linearCrossEntropyBackward(b, gradient, a, a, labels, 0.1);
                kernels.embeddingBackward(gradient, labels, a);
                kernels.squaredNorm(a);
                kernels.adamW(
                        gradient,
                        gradient,
                        gradient,
                        gradient,
                        gradient,
                        new Kernels.AdamWStep(0, 0.9, 0.9, 1, 0, 1, 1));
            };
            all.run();
            for (int i = 0; i < 20; i++) {
                long before = Pointer.totalCount();
                all.run();
                // Handles of earlier tests may be collected meanwhile, so the count can fall; nothing here may raise
                // it.
                assertThat(Pointer.totalCount() - before).as("round %d", i).isLessThanOrEqualTo(0);
            }
        }
    }

    @Test
    void shouldRefuseATensorWhoseArenaIsClosed() {
        try (Kernels kernels = new TorchKernels(1)) {
            Arena arena = kernels.arena("gone", 128);
            Tensor tensor = arena.take("x", DType.F32, Shape.of(4));
            arena.close();

            assertThatThrownBy(() -> kernels.fill(tensor, 1)).hasMessageContaining("arena gone is closed");
            assertThatThrownBy(tensor::bytes).hasMessageContaining("arena gone is closed");
        }
    }
}
