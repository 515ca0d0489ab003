package tutti.worker.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.worker.tensor.contract.Numbers;
import tutti.worker.tensor.contract.SideBySide;
import tutti.worker.tensor.nd4j.Nd4jKernels;

class Nd4jKernelsTest {

    @Test
    void shouldNotLeaveNativeObjectsBehindAfterAKernelCall() {
        try (Kernels kernels = new Nd4jKernels(1);
                SideBySide pairs = new SideBySide(kernels, DType.BF16, 1)) {
            Runnable all = allKernels(kernels, pairs);
            all.run();
            for (int i = 0; i < 20; i++) {
                long before = Pointer.totalCount();
                all.run();
                // Pointers of earlier tests may be collected meanwhile, so the count can fall; nothing here may raise
                // it.
                assertThat(Pointer.totalCount() - before).as("round %d", i).isLessThanOrEqualTo(0);
            }
        }
    }

    @Test
    void shouldStartNoThreadThatFreesArrays() {
        new Nd4jKernels(1).close();

        assertThat(Thread.getAllStackTraces().keySet())
                .extracting(Thread::getName)
                .noneMatch(name -> name.startsWith("Deallocator"));
    }

    /** Bits of float32 NaNs that ND4J's own cast turns into zero or infinity: payloads that carry or vanish in rounding. */
    @ParameterizedTest
    @ValueSource(ints = {0x7fffffff, 0xffffffff, 0x7fff8000, 0x7f800001, 0xff807fff, 0x7fc00000})
    void shouldKeepNaNWhenRoundingToBfloat16(int bits) {
        try (Kernels kernels = new Nd4jKernels(1);
                Arena arena = kernels.arena("nan", 256)) {
            Tensor wide = arena.take("wide", DType.F32, Shape.of(1));
            Tensor narrow = arena.take("narrow", DType.BF16, Shape.of(1));
            wide.bytes().putInt(bits);
            kernels.copy(narrow, wide);

            assertThat(Numbers.read(narrow)[0]).isNaN();
        }
    }

    /** Ties go to the even neighbour, and what rounds past the largest bfloat16 is infinite. */
    @Test
    void shouldRoundTiesToEvenAndOverflowToInfinity() {
        int[] bits = {0x3f808000, 0x3f818000, 0x3f808001, 0x7f7f7fff, 0x7f7f8000, 0xff7fffff, 0x00008000, 0x80000001};
        try (Kernels kernels = new Nd4jKernels(1);
                Arena arena = kernels.arena("ties", 256)) {
            Tensor wide = arena.take("wide", DType.F32, Shape.of(bits.length));
            Tensor narrow = arena.take("narrow", DType.BF16, Shape.of(bits.length));
            wide.bytes().asIntBuffer().put(bits);
            kernels.copy(narrow, wide);
            short[] rounded = new short[bits.length];
            narrow.bytes().asShortBuffer().get(rounded);

            assertThat(rounded)
                    .containsExactly(new int[] {0x3f80, 0x3f82, 0x3f81, 0x7f7f, 0x7f80, 0xff80, 0x0000, 0x8000});
        }
    }

    @Test
    void shouldRefuseATensorWhoseArenaIsClosed() {
        try (Kernels kernels = new Nd4jKernels(1)) {
            Arena arena = kernels.arena("gone", 128);
            Tensor tensor = arena.take("x", DType.F32, Shape.of(4));
            arena.close();

            assertThatThrownBy(() -> kernels.fill(tensor, 1)).hasMessageContaining("arena gone is closed");
            assertThatThrownBy(tensor::bytes).hasMessageContaining("arena gone is closed");
        }
    }

    @Test
    void shouldRefuseAnArenaLargerThanTheMachineInsteadOfEndingTheProcess() {
        try (Kernels kernels = new Nd4jKernels(1)) {
            assertThatThrownBy(() -> kernels.arena("huge", 1L << 50)).hasMessageContaining("arena huge: no room");
        }
    }

    private static Runnable allKernels(Kernels kernels, SideBySide pairs) {
        Tensor a = pairs.activation("a", 1, 32, 32).tested();
        Tensor b = pairs.activation("b", 1, 32, 32).tested();
        Tensor c = pairs.activation("c", 1, 32, 32).tested();
        Tensor d = pairs.activation("d", 1, 32, 32).tested();
        Tensor weight = pairs.weight("weight", 1, 32).tested();
        Tensor rstd = pairs.weight("rstd", 1, 32).tested();
        Tensor labels = pairs.randomIds("labels", 32, 32).tested();
        Tensor gradient = pairs.weight("gradient", 1, 32, 32).tested();
        Tensor table = pairs.weight("table", 1, 32, 8).tested();
        Shape heads = Shape.of(32, 2, 16);
        Segments segments = Segments.of(20, 12);
        return () -> {
            kernels.fill(c, 0.5);
            kernels.copy(gradient, a);
            kernels.scale(b, 0.5);
            kernels.axpy(b, 0.1, a);
            kernels.matmul(b, a, true, a, false, false);
            kernels.matmul(gradient, a, true, a, false, true);
            kernels.embedding(b, a, labels);
            kernels.embeddingBackward(gradient, labels, a);
            kernels.rmsNorm(b, rstd, a, weight, 1e-6);
            kernels.rmsNormBackward(b, weight, a, a, weight, rstd);
            kernels.rope(c.view(heads), table, table, labels, false);
            kernels.attention(b.view(heads), a.view(heads), a.view(heads), a.view(heads), segments, 0.2);
            kernels.attentionBackward(
                    b.view(heads),
                    c.view(heads),
                    d.view(heads),
                    a.view(heads),
                    a.view(heads),
                    a.view(heads),
                    a.view(heads),
                    segments,
                    0.2);
            kernels.swiglu(b, a, a);
            kernels.swigluBackward(b, c, a, a, a);
            kernels.linearCrossEntropyBackward(b, gradient, a, a, labels, 0.1);
            kernels.squaredNorm(a);
            kernels.adamW(gradient, a, gradient, gradient, gradient, new Kernels.AdamWStep(0, 0.9, 0.9, 1, 0, 1, 1));
        };
    }
}
