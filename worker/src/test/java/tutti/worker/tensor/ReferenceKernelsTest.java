package tutti.worker.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import java.util.function.DoubleSupplier;
import org.junit.jupiter.api.Test;
import tutti.worker.tensor.contract.Numbers;

/** The oracle itself: values worked out by hand, and every gradient against central differences of its forward. */
class ReferenceKernelsTest {
    private final Kernels kernels = new ReferenceKernels();
    private final Arena arena = kernels.arena("test", 1 << 20);
    private final Random random = new Random(7);

    // ---- by hand ----

    @Test
    void shouldMultiplyMatricesAsOnPaper() {
        Tensor a = of(new double[] {1, 2, 3, 4, 5, 6}, 2, 3);
        Tensor b = of(new double[] {1, 0, 0, 1, 1, 1}, 3, 2);
        Tensor out = of(new double[] {10, 20, 30, 40}, 2, 2);
        kernels.matmul(out, a, false, b, false, true);
        assertThat(Numbers.read(out)).containsExactly(14, 25, 40, 51);
        kernels.matmul(out, b, true, a, true, false);
        assertThat(Numbers.read(out)).containsExactly(4, 10, 5, 11);
    }

    @Test
    void shouldNormaliseToRootMeanSquareOne() {
        Tensor out = zeros(1, 2);
        Tensor rstd = zeros(1);
        kernels.rmsNorm(out, rstd, of(new double[] {1, 7}, 1, 2), of(new double[] {5, 10}, 2), 0);
        assertThat(Numbers.read(rstd)[0]).isCloseTo(0.2, within(1e-15));
        assertThat(Numbers.read(out)[0]).isCloseTo(1, within(1e-15));
        assertThat(Numbers.read(out)[1]).isCloseTo(14, within(1e-14));
    }

    @Test
    void shouldRotateAQuarterTurn() {
        Tensor x = of(new double[] {1, 2, 3, 4}, 1, 1, 4);
        Tensor position = Numbers.writeIds(arena.take("p", DType.I32, Shape.of(1)), 1);
        kernels.rope(x, of(new double[] {1, 1, 0, 1}, 2, 2), of(new double[] {0, 0, 1, 0}, 2, 2), position, false);
        // The pair (1,3) turns by 90 degrees into (-3,1); the pair (2,4) stays.
        assertThat(Numbers.read(x)).containsExactly(-3, 2, 1, 4);
    }

    @Test
    void shouldAverageVisibleValuesWhenAllScoresAreEqual() {
        Tensor q = zeros(3, 2, 1);
        Tensor k = of(new double[] {5, 6, 7}, 3, 1, 1);
        Tensor v = of(new double[] {3, 9, 0}, 3, 1, 1);
        Tensor out = zeros(3, 2, 1);
        kernels.attention(out, q, k, v, Segments.of(3), 1);
        assertThat(Numbers.read(out)).usingComparatorWithPrecision(1e-12).containsExactly(3, 3, 6, 6, 4, 4);
    }

    @Test
    void shouldLoseLogVWhenTheModelKnowsNothing() {
        Tensor labels = Numbers.writeIds(arena.take("l", DType.I32, Shape.of(3)), 0, Kernels.IGNORE, 4);
        double loss = kernels.linearCrossEntropy(zeros(3, 2), normal(5, 2), labels);
        assertThat(loss).isCloseTo(2 * Math.log(5), within(1e-12));
    }

    @Test
    void shouldMoveByTheLearningRateInTheFirstUpdateAndDecayFirst() {
        Tensor weight = of(new double[] {1, -2}, 2);
        kernels.adamW(
                weight,
                weight,
                zeros(2),
                zeros(2),
                of(new double[] {0.3, -4}, 2),
                new Kernels.AdamWStep(0.1, 0.9, 0.999, 0, 0.5, 1, 2));
        // Bias correction makes m/sqrt(v) the sign of the gradient; decay takes 0.1 * 0.5 of the old weight.
        assertThat(Numbers.read(weight)).usingComparatorWithPrecision(1e-12).containsExactly(0.85, -1.8);
    }

    // ---- gradients against central differences; the loss is sum(out * dOut) ----

    @Test
    void shouldHaveTheGradientOfMatmulAsTwoProducts() {
        Tensor a = normal(3, 4);
        Tensor b = normal(5, 4);
        Tensor out = zeros(3, 5);
        Tensor dOut = normal(3, 5);
        Tensor da = zeros(3, 4);
        Tensor db = zeros(5, 4);
        kernels.matmul(da, dOut, false, b, false, true);
        kernels.matmul(db, dOut, true, a, false, true);
        DoubleSupplier loss = () -> {
            kernels.matmul(out, a, false, b, true, false);
            return dot(out, dOut);
        };
        assertGradient(a, da, loss);
        assertGradient(b, db, loss);
    }

    @Test
    void shouldHaveTheGradientOfEmbedding() {
        Tensor table = normal(4, 3);
        Tensor ids = Numbers.writeIds(arena.take("ids", DType.I32, Shape.of(5)), 2, 0, 2, 3, 2);
        Tensor out = zeros(5, 3);
        Tensor dOut = normal(5, 3);
        Tensor dTable = zeros(4, 3);
        kernels.embeddingBackward(dTable, ids, dOut);
        assertGradient(table, dTable, () -> {
            kernels.embedding(out, table, ids);
            return dot(out, dOut);
        });
    }

    @Test
    void shouldHaveTheGradientOfRmsNorm() {
        Tensor x = normal(3, 5);
        Tensor weight = normal(5);
        Tensor out = zeros(3, 5);
        Tensor rstd = zeros(3);
        Tensor dOut = normal(3, 5);
        Tensor dx = zeros(3, 5);
        Tensor dWeight = zeros(5);
        DoubleSupplier loss = () -> {
            kernels.rmsNorm(out, rstd, x, weight, 1e-2);
            return dot(out, dOut);
        };
        loss.getAsDouble();
        kernels.rmsNormBackward(dx, dWeight, dOut, x, weight, rstd);
        assertGradient(x, dx, loss);
        assertGradient(weight, dWeight, loss);
    }

    @Test
    void shouldHaveTheGradientOfRopeAsTheInverseRotation() {
        Tensor x = normal(2, 2, 4);
        Tensor turned = zeros(2, 2, 4);
        Tensor angle = normal(3, 2);
        Tensor cos = zeros(3, 2);
        Tensor sin = zeros(3, 2);
        double[] angles = Numbers.read(angle);
        Numbers.write(cos, Arrays.stream(angles).map(Math::cos).toArray());
        Numbers.write(sin, Arrays.stream(angles).map(Math::sin).toArray());
        Tensor positions = Numbers.writeIds(arena.take("p", DType.I32, Shape.of(2)), 2, 1);
        Tensor dOut = normal(2, 2, 4);
        Tensor dx = zeros(2, 2, 4);
        kernels.copy(dx, dOut);
        kernels.rope(dx, cos, sin, positions, true);
        assertGradient(x, dx, () -> {
            kernels.copy(turned, x);
            kernels.rope(turned, cos, sin, positions, false);
            return dot(turned, dOut);
        });
    }

    @Test
    void shouldHaveTheGradientOfGroupedAttentionOverRaggedSegments() {
        Segments segments = Segments.of(3, 1, 4);
        Tensor q = normal(8, 4, 3);
        Tensor k = normal(8, 2, 3);
        Tensor v = normal(8, 2, 3);
        Tensor out = zeros(8, 4, 3);
        Tensor dOut = normal(8, 4, 3);
        Tensor dq = normal(8, 4, 3);
        Tensor dk = normal(8, 2, 3);
        Tensor dv = normal(8, 2, 3);
        DoubleSupplier loss = () -> {
            kernels.attention(out, q, k, v, segments, 0.7);
            return dot(out, dOut);
        };
        loss.getAsDouble();
        kernels.attentionBackward(dq, dk, dv, dOut, q, k, v, segments, 0.7);
        assertGradient(q, dq, loss);
        assertGradient(k, dk, loss);
        assertGradient(v, dv, loss);
    }

    @Test
    void shouldHaveTheGradientOfSwiGlu() {
        Tensor gate = normal(2, 5);
        Tensor up = normal(2, 5);
        Tensor out = zeros(2, 5);
        Tensor dOut = normal(2, 5);
        Tensor dGate = zeros(2, 5);
        Tensor dUp = zeros(2, 5);
        kernels.swigluBackward(dGate, dUp, dOut, gate, up);
        DoubleSupplier loss = () -> {
            kernels.swiglu(out, gate, up);
            return dot(out, dOut);
        };
        assertGradient(gate, dGate, loss);
        assertGradient(up, dUp, loss);
    }

    @Test
    void shouldHaveTheGradientOfLinearCrossEntropy() {
        Tensor hidden = normal(4, 3);
        Tensor head = normal(6, 3);
        Tensor labels = Numbers.writeIds(arena.take("l", DType.I32, Shape.of(4)), 5, Kernels.IGNORE, 0, 5);
        Tensor dHidden = normal(4, 3);
        Tensor dHead = zeros(6, 3);
        kernels.linearCrossEntropyBackward(dHidden, dHead, hidden, head, labels, 0.25);
        DoubleSupplier loss = () -> 0.25 * kernels.linearCrossEntropy(hidden, head, labels);
        assertGradient(hidden, dHidden, loss);
        assertGradient(head, dHead, loss);
    }

    @Test
    void shouldHaveTheGradientOfDropoutAsTheSameCall() {
        Tensor x = normal(3, 7);
        Tensor mask = arena.take("mask", DType.U8, Shape.of(21));
        DropoutMask.draw(mask, 0.4, 5);
        Tensor out = zeros(3, 7);
        Tensor dOut = normal(3, 7);
        Tensor dx = zeros(3, 7);
        kernels.dropout(dx, dOut, mask, 0.4);
        assertGradient(x, dx, () -> {
            kernels.dropout(out, x, mask, 0.4);
            return dot(out, dOut);
        });
    }

    @Test
    void shouldHaveTheGradientsOfSumsAsCopies() {
        Tensor a = normal(2, 3);
        Tensor b = normal(2, 3);
        Tensor out = zeros(2, 3);
        Tensor dOut = normal(2, 3);
        Tensor scaled = zeros(2, 3);
        kernels.copy(scaled, dOut);
        kernels.scale(scaled, -0.7);
        DoubleSupplier loss = () -> {
            kernels.add(out, a, a);
            kernels.axpy(out, -0.7, b);
            kernels.axpy(out, -1, a);
            return dot(out, dOut);
        };
        assertGradient(a, dOut, loss);
        assertGradient(b, scaled, loss);
    }

    // ---- what adds and what overwrites: central differences cannot tell ----

    @Test
    void shouldAddIntoWeightGradientsAndOverwriteInputGradients() {
        Tensor x = normal(4, 3);
        Tensor weight = normal(3);
        Tensor head = normal(6, 3);
        Tensor rstd = zeros(4);
        kernels.rmsNorm(zeros(4, 3), rstd, x, weight, 1e-2);
        Tensor ids = Numbers.writeIds(arena.take("ids", DType.I32, Shape.of(4)), 5, 2, 0, 5);
        Tensor dx = zeros(4, 3);
        Tensor dWeight = zeros(3);
        Tensor dTable = zeros(6, 3);
        Tensor dHead = zeros(6, 3);
        Tensor dHidden = normal(4, 3);
        Runnable backward = () -> {
            kernels.rmsNormBackward(dx, dWeight, x, x, weight, rstd);
            kernels.embeddingBackward(dTable, ids, x);
            kernels.linearCrossEntropyBackward(dHidden, dHead, x, head, ids, 1);
        };
        backward.run();
        double[][] once = read(dx, dWeight, dTable, dHead);
        double[] overwritten = Numbers.read(dHidden);
        backward.run();
        double[][] twice = read(dx, dWeight, dTable, dHead);
        for (int i = 0; i < once.length; i++) {
            assertThat(once[i]).isNotEqualTo(new double[once[i].length]);
            for (int j = 0; j < once[i].length; j++) {
                assertThat(twice[i][j]).isCloseTo(2 * once[i][j], within(1e-12));
            }
        }
        assertThat(Numbers.read(dHidden)).isEqualTo(overwritten);
    }

    @Test
    void shouldCodeAndDecodeBlocksAsOnPaper() {
        Tensor codes = arena.take("codes", DType.U8, Shape.of(5));
        Tensor scales = zeros(2);
        kernels.quantize(codes, scales, of(new double[] {-2, 1, 0, 0.5, 0.25}, 5), 3);
        // 127 * 1/2 = 63.5 goes to the even 64; the second block has the scale 0.5.
        assertThat(Numbers.bits(codes))
                .containsExactly(1, (byte) (128 + 64), (byte) 128, (byte) 255, (byte) (128 + 64));
        assertThat(Numbers.read(scales)).containsExactly(2, 0.5);
        Tensor back = zeros(5);
        kernels.dequantize(back, codes, scales, 3);
        assertThat(Numbers.read(back))
                .usingComparatorWithPrecision(1e-12)
                .containsExactly(-2, 64.0 / 127 * 2, 0, 0.5, 64.0 / 127 * 0.5);
    }

    // ---- helpers ----

    private void assertGradient(Tensor input, Tensor gradient, DoubleSupplier loss) {
        double[] values = Numbers.read(input);
        double[] expected = Numbers.read(gradient);
        for (int i = 0; i < values.length; i++) {
            // The error of a central difference is h^2 from the third derivative and 1e-16/h from rounding: 1e-10 both.
            double h = 1e-5;
            double old = values[i];
            values[i] = old + h;
            Numbers.write(input, values);
            double above = loss.getAsDouble();
            values[i] = old - h;
            Numbers.write(input, values);
            double below = loss.getAsDouble();
            values[i] = old;
            Numbers.write(input, values);
            assertThat(expected[i]).as("element %d", i).isCloseTo((above - below) / (2 * h), within(1e-8));
        }
    }

    private Tensor of(double[] values, long... sizes) {
        return Numbers.write(zeros(sizes), values);
    }

    private Tensor zeros(long... sizes) {
        return arena.take("zeros", DType.F64, Shape.of(sizes));
    }

    private Tensor normal(long... sizes) {
        Tensor tensor = zeros(sizes);
        return Numbers.write(tensor, random.doubles(tensor.count(), -1.5, 1.5).toArray());
    }

    private static double[][] read(Tensor... tensors) {
        return Arrays.stream(tensors).map(Numbers::read).toArray(double[][]::new);
    }

    private static double dot(Tensor a, Tensor b) {
        double[] x = Numbers.read(a);
        double[] y = Numbers.read(b);
        double sum = 0;
        for (int i = 0; i < x.length; i++) {
            sum += x[i] * y[i];
        }
        return sum;
    }
}
