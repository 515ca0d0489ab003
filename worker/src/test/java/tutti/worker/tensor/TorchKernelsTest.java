package tutti.worker.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import tutti.worker.tensor.torch.TorchKernels;

class TorchKernelsTest {

    @Nested
    class F32 extends KernelsContract {
        @Override
        Kernels newKernels(int threads) {
            return new TorchKernels(threads);
        }

        @Override
        DType compute() {
            return DType.F32;
        }

        /** Half a step of float32 is 2^-24 = 6e-8; a sum of up to a thousand products adds a few of them. */
        @Override
        double rounding() {
            return 6e-7;
        }

        /** A score of a hundred is off by 6e-6, and so is its exp: seen where softmax is fed large numbers. */
        @Override
        double tolerance() {
            return 5e-6;
        }

        @Override
        double masterTolerance() {
            return 6e-7;
        }
    }

    @Nested
    class Bf16 extends KernelsContract {
        @Override
        Kernels newKernels(int threads) {
            return new TorchKernels(threads);
        }

        @Override
        DType compute() {
            return DType.BF16;
        }

        /** Half a step of bfloat16 is up to 2^-8 = 0.0039 of the value; the float32 sum before it adds nothing visible. */
        @Override
        double rounding() {
            return 4e-3;
        }

        /** A score or a logit of 8 leaves its product rounded by up to 0.031, and its exp by as much. */
        @Override
        double tolerance() {
            return 2e-2;
        }

        @Override
        double masterTolerance() {
            return 6e-7;
        }
    }

    @Test
    void shouldNotLeaveNativeObjectsBehindAfterAKernelCall() {
        try (Kernels kernels = new TorchKernels(1);
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

    @AfterAll
    static void report() {
        if (Boolean.getBoolean("tutti.test.report")) {
            SideBySide.WORST.forEach((name, error) -> System.out.printf("%-40s %.1e%n", name, error));
        }
    }
}
