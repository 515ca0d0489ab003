package tutti.worker.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.common.error.TuttiException;
import tutti.worker.tensor.SideBySide.Pair;

/** What every backend promises, in one compute dtype, measured against the float64 reference. */
abstract class KernelsContract {
    private static final long SEED = 20261122;

    private Kernels kernels;
    private Kernels reference;
    private SideBySide pairs;

    /** @param threads inside one kernel, for a backend that has such a setting */
    abstract Kernels newKernels(int threads);

    abstract DType compute();

    /** Of one result rounded once to the compute dtype, over the largest expected magnitude. */
    abstract double rounding();

    /** Of a chain of a few operations whose results are rounded to the compute dtype, over the largest magnitude. */
    abstract double tolerance();

    /** Of what is computed and kept in the master dtype whatever the activations are. */
    abstract double masterTolerance();

    @BeforeEach
    void open() {
        kernels = newKernels(1);
        pairs = new SideBySide(kernels, compute(), SEED);
        reference = pairs.reference;
    }

    @AfterEach
    void close() {
        pairs.close();
        kernels.close();
    }

    // ---- memory ----

    @Test
    void shouldHandOutZeroFilledAlignedTensorsInsideTheArena() {
        try (Arena arena = kernels.arena("small", 256)) {
            Tensor first = arena.take("first", compute(), Shape.of(3));
            Tensor second = arena.take("second", compute(), Shape.of(1, 5));

            assertThat(arena.used()).isEqualTo(128);
            assertThat(arena.capacity()).isEqualTo(256);
            assertThat(Numbers.read(first)).containsOnly(0);
            assertThat(Numbers.read(second)).containsOnly(0).hasSize(5);
            for (Tensor tensor : new Tensor[] {first, second}) {
                assertThat(tensor.bytes().isDirect()).isTrue();
                assertThat(tensor.bytes().alignmentOffset(0, Arena.ALIGNMENT)).isZero();
                assertThat(tensor.bytes().remaining()).isEqualTo((int) tensor.byteSize());
            }
        }
    }

    @Test
    void shouldRefuseToTakeMoreThanTheArenaHoldsAndNameWhatWasTaken() {
        try (Arena arena = kernels.arena("small", 128)) {
            arena.take("first", compute(), Shape.of(1));

            assertThatThrownBy(() -> arena.take("gradient of layer 3", DType.I32, Shape.of(17)))
                    .isInstanceOf(TuttiException.class)
                    .hasMessageContaining("arena small")
                    .hasMessageContaining("gradient of layer 3");
            assertThat(arena.take("last", DType.I32, Shape.of(16)).count()).isEqualTo(16);
        }
    }

    @Test
    void shouldRefuseToTakeFromAClosedArena() {
        Arena arena = kernels.arena("gone", 128);
        arena.close();

        assertThatThrownBy(() -> arena.take("late", compute(), Shape.of(1)))
                .isInstanceOf(TuttiException.class)
                .hasMessageContaining("after close");
    }

    @Test
    void shouldWriteThroughViewsOfRowsAndOfOtherShapes() {
        Tensor whole = pairs.activation("whole", 1, 6, 4).tested();
        Tensor middle = whole.rows(1, 4).rows(1, 2).view(Shape.of(8));
        kernels.fill(middle, 3);

        double[] values = Numbers.read(whole);
        assertThat(Arrays.copyOfRange(values, 8, 16)).containsOnly(3);
        assertThat(Arrays.copyOfRange(values, 0, 8)).doesNotContain(3);
        assertThat(Arrays.copyOfRange(values, 16, 24)).doesNotContain(3);
        Numbers.write(whole.rows(2, 1), 7, 7, 7, 7);
        assertThat(Arrays.copyOf(Numbers.read(middle), 5)).containsExactly(7, 7, 7, 7, 3);
        assertThatThrownBy(() -> whole.rows(5, 2)).isInstanceOf(TuttiException.class);
        assertThatThrownBy(() -> whole.view(Shape.of(5))).isInstanceOf(TuttiException.class);
    }

    // ---- elementwise ----

    @ParameterizedTest
    @ValueSource(ints = {1, 17, 4099})
    void shouldAgreeWithTheReferenceOnElementwiseOperations(int n) {
        Pair a = pairs.activation("add", 1, n);
        Pair b = pairs.activation("b", 1e-3, n);
        Pair sum = pairs.activation("sum", 1, n);
        both(sum, a, b, Kernels::add);
        both(a, a, b, Kernels::add);

        pairs.assertAgreement(2 * rounding(), sum, a, b);
    }

    @Test
    void shouldRoundToNearestEvenWhenCopyingFromMasterToCompute() {
        Pair master = pairs.weight("master", 1, 1001);
        Tensor narrow = pairs.activation("narrow", 1, 7, 143).tested();
        Tensor back = pairs.weight("back", 1, 1001).tested();
        kernels.copy(narrow, master.tested());
        kernels.copy(back, narrow);

        double[] expected = Arrays.stream(Numbers.read(master.tested()))
                .map(value -> Numbers.round(value, compute()))
                .toArray();
        assertThat(Numbers.read(narrow)).containsExactly(expected);
        assertThat(Numbers.read(back)).containsExactly(expected);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 999, 32768, 100_003})
    void shouldSumSquaresInFloat64WhateverTheDType(int n) {
        Pair x = pairs.activation("x", 1e15, n);

        // Squares of 1e15 summed in float32 would lose digits; in float64 only the last bits can differ.
        pairs.assertAgreement(
                1e-12, "squaredNorm", reference.squaredNorm(x.reference()), kernels.squaredNorm(x.tested()));
    }

    @ParameterizedTest
    @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY})
    void shouldShowAnElementThatIsNotFiniteInTheSquaredNorm(double bad) {
        Tensor x = pairs.activation("x", 1, 40_000).tested();
        assertThat(kernels.squaredNorm(x)).isFinite();
        kernels.fill(x.rows(39_999, 1), bad);

        assertThat(Double.isFinite(kernels.squaredNorm(x))).isFalse();
        assertThat(Double.isNaN(kernels.squaredNorm(x))).isEqualTo(Double.isNaN(bad));
    }

    // ---- products ----

    @ParameterizedTest
    @CsvSource({"1,1,1,1", "1,7,3,1", "5,1,9,1e6", "33,65,17,1e-6", "128,96,64,1", "3,1000,2,1"})
    void shouldAgreeWithTheReferenceOnEveryMatmul(int rows, int inner, int columns, double magnitude) {
        for (boolean transposeA : new boolean[] {false, true}) {
            for (boolean transposeB : new boolean[] {false, true}) {
                Pair a = pairs.activation("a", magnitude, transposeA ? inner : rows, transposeA ? rows : inner);
                Pair b = pairs.activation("b", magnitude, transposeB ? columns : inner, transposeB ? inner : columns);
                Pair out = pairs.activation("matmul", 1, rows, columns);
                matmul(out, a, transposeA, b, transposeB, false);
                pairs.assertAgreementFrom(magnitude * magnitude, rounding(), out);
                Pair sum = pairs.activation("matmul added to compute", magnitude * magnitude, rows, columns);
                matmul(sum, a, transposeA, b, transposeB, true);
                Pair gradient = pairs.weight("matmul added to master", magnitude * magnitude, rows, columns);
                matmul(gradient, a, transposeA, b, transposeB, true);
                pairs.assertAgreementFrom(magnitude * magnitude, 2 * rounding(), sum, gradient);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"1,1", "2,3", "40,48"})
    void shouldSumLongProductsWithoutLosingSmallTerms(int rows, int columns) {
        int inner = 4096;
        Tensor a = pairs.activation("a", 1, rows, inner).tested();
        Tensor b = pairs.activation("b", 1, columns, inner).tested();
        Tensor out = pairs.activation("out", 1, rows, columns).tested();
        kernels.fill(a, 1);
        kernels.fill(b, 1);
        kernels.matmul(out, a, false, b, true, false);

        // A bfloat16 sum of ones would stop growing at 256.
        assertThat(Numbers.read(out)).containsOnly(inner);
    }

    @Test
    void shouldKeepSmallAdditionsToALargeMasterGradient() {
        Pair one = pairs.of("one", compute(), new double[] {1.0 / 64}, 1, 1);
        Pair gradient = pairs.of("gradient", pairs.master, new double[] {64}, 1, 1);
        matmul(gradient, one, false, one, false, true);

        // 1/4096 is far below bfloat16's step at 64 and well inside float32's.
        assertThat(Numbers.read(gradient.tested())).containsExactly(64 + 1.0 / 4096);
    }

    @Test
    void shouldRefuseShapesThatDoNotFit() {
        Pair a = pairs.activation("a", 1, 3, 4);
        Pair b = pairs.activation("b", 1, 3, 5);

        assertThatThrownBy(() -> kernels.matmul(a.tested(), a.tested(), false, b.tested(), false, false))
                .isInstanceOf(TuttiException.class)
                .hasMessageContaining("inner sizes differ");
        assertThatThrownBy(() -> kernels.add(a.tested(), a.tested(), b.tested()))
                .isInstanceOf(TuttiException.class)
                .hasMessageContaining("shapes differ");
    }

    // ---- embedding ----

    @ParameterizedTest
    @CsvSource({"1,1,1", "9,5,3", "257,31,65"})
    void shouldAgreeWithTheReferenceOnEmbedding(int N, int V, int C) {
        Pair table = pairs.activation("table", 1, V, C);
        Pair ids = pairs.randomIds("ids", N, V);
        Pair out = pairs.activation("embedding", 1, N, C);
        Pair dTable = pairs.weight("embedding dTable", 1, V, C);
        reference.embedding(out.reference(), table.reference(), ids.reference());
        kernels.embedding(out.tested(), table.tested(), ids.tested());
        reference.embeddingBackward(dTable.reference(), ids.reference(), out.reference());
        kernels.embeddingBackward(dTable.tested(), ids.tested(), out.tested());

        pairs.assertAgreement(0, out);
        pairs.assertAgreement(masterTolerance(), dTable);
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, 5})
    void shouldRefuseATokenIdOutsideOfTheTable(int id) {
        Tensor table = pairs.activation("table", 1, 5, 2).tested();
        Tensor out = pairs.activation("out", 1, 1, 2).tested();

        assertThatThrownBy(
                        () -> kernels.embedding(out, table, pairs.ids("ids", id).tested()))
                .isInstanceOf(TuttiException.class)
                .hasMessageContaining(Integer.toString(id));
    }

    // ---- norm, rotation, gate ----

    @ParameterizedTest
    @CsvSource({"1,1,1", "1,64,1e4", "7,33,1e-4", "65,96,1", "3,1025,1e8"})
    void shouldAgreeWithTheReferenceOnRmsNorm(int N, int C, double magnitude) {
        Pair x = pairs.activation("x", magnitude, N, C);
        Pair weight = pairs.weight("weight", 1, C);
        Pair out = pairs.activation("rmsNorm", 1, N, C);
        Pair rstd = pairs.weight("rmsNorm rstd", 1, N);
        Pair dOut = pairs.activation("dOut", magnitude, N, C);
        Pair dx = pairs.activation("rmsNorm dx", 1, N, C);
        Pair dWeight = pairs.weight("rmsNorm dWeight", magnitude, C);
        reference.rmsNorm(out.reference(), rstd.reference(), x.reference(), weight.reference(), 1e-6);
        kernels.rmsNorm(out.tested(), rstd.tested(), x.tested(), weight.tested(), 1e-6);
        reference.rmsNormBackward(
                dx.reference(),
                dWeight.reference(),
                dOut.reference(),
                x.reference(),
                weight.reference(),
                rstd.reference());
        kernels.rmsNormBackward(
                dx.tested(), dWeight.tested(), dOut.tested(), x.tested(), weight.tested(), rstd.tested());

        pairs.assertAgreement(2 * rounding(), out, dx);
        pairs.assertAgreement(masterTolerance(), rstd, dWeight);
    }

    @ParameterizedTest
    @CsvSource({"1,1,2", "5,3,6", "33,4,64"})
    void shouldAgreeWithTheReferenceOnRopeAndTurnBack(int N, int H, int D) {
        int P = 50;
        Pair x = pairs.activation("rope", 1, N, H, D);
        double[] before = Numbers.read(x.tested());
        Pair positions = pairs.randomIds("positions", N, P);
        double[] cos = new double[P * D / 2];
        double[] sin = new double[P * D / 2];
        for (int i = 0; i < cos.length; i++) {
            double angle = (i / (D / 2)) / Math.pow(10_000, 2.0 * (i % (D / 2)) / D);
            cos[i] = Numbers.round(Math.cos(angle), pairs.master);
            sin[i] = Numbers.round(Math.sin(angle), pairs.master);
        }
        Pair cosines = pairs.of("cos", pairs.master, cos, P, D / 2);
        Pair sines = pairs.of("sin", pairs.master, sin, P, D / 2);
        for (boolean inverse : new boolean[] {false, true}) {
            reference.rope(x.reference(), cosines.reference(), sines.reference(), positions.reference(), inverse);
            kernels.rope(x.tested(), cosines.tested(), sines.tested(), positions.tested(), inverse);
            pairs.assertAgreement(2 * rounding(), x);
        }
        assertThat(Numbers.read(x.reference()))
                .usingComparatorWithPrecision(1e-6)
                .containsExactly(before);
    }

    @ParameterizedTest
    @CsvSource({"1,1,1", "7,13,1e-4", "33,65,1", "5,9,30"})
    void shouldAgreeWithTheReferenceOnSwiGluAlsoWhenGradientsOverwriteInputs(int N, int I, double magnitude) {
        Pair gate = pairs.activation("gate", magnitude, N, I);
        Pair up = pairs.activation("up", magnitude, N, I);
        Pair dOut = pairs.activation("dOut", 1, N, I);
        Pair out = pairs.activation("swiglu", 1, N, I);
        Pair dGate = pairs.activation("swiglu dGate", 1, N, I);
        Pair dUp = pairs.activation("swiglu dUp", 1, N, I);
        both(out, gate, up, Kernels::swiglu);
        reference.swigluBackward(
                dGate.reference(), dUp.reference(), dOut.reference(), gate.reference(), up.reference());
        kernels.swigluBackward(dGate.tested(), dUp.tested(), dOut.tested(), gate.tested(), up.tested());
        pairs.assertAgreement(3 * rounding(), out, dGate, dUp);

        kernels.swigluBackward(gate.tested(), up.tested(), dOut.tested(), gate.tested(), up.tested());
        assertThat(Numbers.bits(gate.tested())).isEqualTo(Numbers.bits(dGate.tested()));
        assertThat(Numbers.bits(up.tested())).isEqualTo(Numbers.bits(dUp.tested()));
    }

    // ---- attention ----

    /** H, G, D, magnitude, segments. */
    record AttentionCase(String name, int H, int G, int D, double magnitude, Segments segments) {
        @Override
        public String toString() {
            return name;
        }
    }

    static Stream<AttentionCase> attentionCases() {
        return Stream.of(
                new AttentionCase("one row", 1, 1, 1, 1, Segments.uniform(1, 1)),
                new AttentionCase("one head", 1, 1, 8, 1, Segments.uniform(3, 5)),
                new AttentionCase("grouped heads", 6, 2, 16, 1, Segments.uniform(2, 33)),
                new AttentionCase("one key head", 4, 1, 10, 1, Segments.uniform(2, 7)),
                new AttentionCase("ragged", 4, 2, 8, 1, Segments.of(1, 17, 17, 3, 30)),
                new AttentionCase("an empty segment", 2, 1, 4, 1, Segments.of(3, 0, 5)),
                new AttentionCase("large", 2, 2, 8, 6, Segments.of(9, 20)),
                new AttentionCase("tiny", 2, 1, 8, 1e-5, Segments.of(9, 20)),
                // 40 products of 2*256*256 scores: more than are held at once.
                new AttentionCase("more scores than fit one slice", 16, 8, 4, 1, Segments.uniform(5, 256)));
    }

    static Stream<AttentionCase> decodeCases() {
        return Stream.of(
                new AttentionCase("one new row", 4, 2, 8, 1, Segments.decode(1, 37)),
                new AttentionCase("a prompt after a prompt", 4, 2, 8, 1, Segments.decode(5, 21)),
                new AttentionCase("a batch of decodes", 2, 2, 6, 1, new Segments(new int[] {0, 1, 2, 5, 6}, new int[] {
                    0, 4, 13, 16, 20
                })));
    }

    @ParameterizedTest
    @MethodSource({"attentionCases", "decodeCases"})
    void shouldAgreeWithTheReferenceOnAttention(AttentionCase c) {
        attention(c);
    }

    @ParameterizedTest
    @MethodSource("attentionCases")
    void shouldAgreeWithTheReferenceOnAttentionBackward(AttentionCase c) {
        Attended a = attention(c);
        Pair dOut = pairs.activation("dOut", 1, a.q.reference().shape().toArray());
        Pair dq = pairs.activation("attention dq", 1, a.q.reference().shape().toArray());
        Pair dk = pairs.activation("attention dk", 1, a.k.reference().shape().toArray());
        Pair dv = pairs.activation("attention dv", 1, a.k.reference().shape().toArray());
        double scale = 1 / Math.sqrt(c.D);
        reference.attentionBackward(
                dq.reference(),
                dk.reference(),
                dv.reference(),
                dOut.reference(),
                a.q.reference(),
                a.k.reference(),
                a.v.reference(),
                c.segments,
                scale);
        kernels.attentionBackward(
                dq.tested(),
                dk.tested(),
                dv.tested(),
                dOut.tested(),
                a.q.tested(),
                a.k.tested(),
                a.v.tested(),
                c.segments,
                scale);

        // dScore = p * (dp - outer) cancels where one key takes all, to nothing with a single row: the rounding of dp
        // remains.
        pairs.assertAgreementFrom(c.magnitude / 2, 3 * tolerance(), dq, dk);
        pairs.assertAgreement(tolerance(), dv);
    }

    @Test
    void shouldNotLetALaterTokenOrAnotherSequenceChangeAnEarlierResult() {
        Segments segments = Segments.of(6, 5);
        Pair q = pairs.activation("q", 1, 11, 2, 4);
        Pair k = pairs.activation("k", 1, 11, 1, 4);
        Pair v = pairs.activation("v", 1, 11, 1, 4);
        Tensor out = pairs.activation("out", 1, 11, 2, 4).tested();
        kernels.attention(out, q.tested(), k.tested(), v.tested(), segments, 0.5);
        byte[] before = Numbers.bits(out);
        kernels.fill(k.tested().rows(3, 3), 9);
        kernels.fill(v.tested().rows(3, 3), 9);
        kernels.attention(out, q.tested(), k.tested(), v.tested(), segments, 0.5);
        byte[] after = Numbers.bits(out);

        int row = before.length / 11;
        assertThat(Arrays.copyOf(after, 3 * row)).isEqualTo(Arrays.copyOf(before, 3 * row));
        assertThat(Arrays.copyOfRange(after, 3 * row, 6 * row))
                .isNotEqualTo(Arrays.copyOfRange(before, 3 * row, 6 * row));
        assertThat(Arrays.copyOfRange(after, 6 * row, 11 * row))
                .isEqualTo(Arrays.copyOfRange(before, 6 * row, 11 * row));
    }

    // ---- cross-entropy ----

    @ParameterizedTest
    @CsvSource({"1,1,2,1,1", "9,5,7,0.5,1", "64,33,101,0.3,1", "17,8,50,1,30", "12,8,50,1,1e-4", "300,4,40000,0.5,1"})
    void shouldAgreeWithTheReferenceOnLinearCrossEntropy(int N, int C, int V, double labelled, double magnitude) {
        Pair hidden = pairs.activation("hidden", magnitude, N, C);
        Pair head = pairs.activation("head", 1 / Math.sqrt(C), V, C);
        int[] labels = new int[N];
        for (int n = 0; n < N; n++) {
            labels[n] = pairs.below(1000) < labelled * 1000 ? pairs.below(V) : Kernels.IGNORE;
        }
        Pair label = pairs.ids("labels", labels);
        Pair dHidden = pairs.activation("crossEntropy dHidden", 1, N, C);
        Pair dHead = pairs.weight("crossEntropy dHead", 1e-3, V, C);
        double expected = reference.linearCrossEntropy(hidden.reference(), head.reference(), label.reference());
        double loss = kernels.linearCrossEntropy(hidden.tested(), head.tested(), label.tested());
        pairs.assertAgreement(tolerance(), "crossEntropy loss", expected, loss);

        double gradScale = 1.0 / N;
        reference.linearCrossEntropyBackward(
                dHidden.reference(),
                dHead.reference(),
                hidden.reference(),
                head.reference(),
                label.reference(),
                gradScale);
        double again = kernels.linearCrossEntropyBackward(
                dHidden.tested(), dHead.tested(), hidden.tested(), head.tested(), label.tested(), gradScale);
        assertThat(again).isEqualTo(loss);
        pairs.assertAgreement(4 * tolerance(), dHidden, dHead);
    }

    @Test
    void shouldLearnNothingFromRowsWithoutLabels() {
        Pair hidden = pairs.activation("hidden", 1, 3, 4);
        Pair head = pairs.activation("head", 1, 5, 4);
        Pair labels = pairs.ids("labels", Kernels.IGNORE, Kernels.IGNORE, Kernels.IGNORE);
        Pair dHidden = pairs.activation("dHidden", 1, 3, 4);
        Pair dHead = pairs.weight("dHead", 1, 5, 4);
        byte[] before = Numbers.bits(dHead.tested());

        assertThat(kernels.linearCrossEntropy(hidden.tested(), head.tested(), labels.tested()))
                .isZero();
        assertThat(kernels.linearCrossEntropyBackward(
                        dHidden.tested(), dHead.tested(), hidden.tested(), head.tested(), labels.tested(), 1))
                .isZero();
        assertThat(Numbers.read(dHidden.tested())).containsOnly(0);
        assertThat(Numbers.bits(dHead.tested())).isEqualTo(before);
    }

    // ---- optimizer ----

    @ParameterizedTest
    @ValueSource(ints = {1, 1001, 300_007})
    void shouldAgreeWithTheReferenceOnSeveralAdamWUpdates(int n) {
        Pair weight = pairs.weight("adamW weight", 1, n);
        Pair m = pairs.of("adamW m", pairs.master, new double[n], n);
        Pair v = pairs.of("adamW v", pairs.master, new double[n], n);
        for (int t = 1; t <= 3; t++) {
            Pair grad = pairs.weight("grad", Math.pow(10, t - 2), n);
            Kernels.AdamWStep step = new Kernels.AdamWStep(1e-2, 0.9, 0.999, 1e-8, 0.1, t, 0.5);
            reference.adamW(
                    weight.reference(), weight.reference(), m.reference(), v.reference(), grad.reference(), step);
            kernels.adamW(weight.tested(), weight.tested(), m.tested(), v.tested(), grad.tested(), step);
        }
        pairs.assertAgreement(masterTolerance(), weight, m, v);
    }

    @Test
    void shouldUpdateAShardToTheSameBitsAsTheWhole() {
        int n = 1003;
        Kernels.AdamWStep step = new Kernels.AdamWStep(1e-3, 0.9, 0.95, 1e-8, 0.1, 7, 0.25);
        Tensor[] whole = new Tensor[4];
        Tensor[] parts = new Tensor[4];
        for (int i = 0; i < 4; i++) {
            whole[i] = pairs.weight("whole", 1, n).tested();
            parts[i] = pairs.weight("parts", 1, n).tested();
            if (i == 2) {
                // The second moment is never negative.
                double[] positive =
                        Arrays.stream(Numbers.read(whole[i])).map(Math::abs).toArray();
                Numbers.write(whole[i], positive);
            }
            kernels.copy(parts[i], whole[i]);
        }
        kernels.adamW(whole[0], whole[0], whole[1], whole[2], whole[3], step);
        Tensor copy = pairs.activation("copy", 1, n).tested();
        int from = 0;
        for (int count : new int[] {1, 333, 7, 662}) {
            kernels.adamW(
                    parts[0].rows(from, count),
                    copy.rows(from, count),
                    parts[1].rows(from, count),
                    parts[2].rows(from, count),
                    parts[3].rows(from, count),
                    step);
            from += count;
        }
        for (int i = 0; i < 3; i++) {
            assertThat(Numbers.bits(parts[i])).isEqualTo(Numbers.bits(whole[i]));
        }
        Tensor rounded = pairs.activation("rounded", 1, n).tested();
        kernels.copy(rounded, whole[0]);
        assertThat(Numbers.bits(copy)).isEqualTo(Numbers.bits(rounded));
    }

    // ---- the same bits ----

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void shouldGiveTheSameBitsForTheSameCall(int threads) {
        kernels.close();
        kernels = newKernels(threads);
        int N = 96;
        int C = 72;
        Pair hidden = pairs.activation("hidden", 1, N, C);
        Pair head = pairs.activation("head", 0.1, 5000, C);
        Pair labels = pairs.randomIds("labels", N, 5000);
        Pair weight = pairs.weight("weight", 1, C);
        Tensor q = hidden.tested().view(Shape.of(N, 6, 12));
        Tensor k = pairs.activation("k", 1, N, 2, 12).tested();
        Segments segments = Segments.of(50, 46);
        Tensor out = pairs.activation("out", 1, N, C).tested();
        Tensor rstd = pairs.weight("rstd", 1, N).tested();
        Tensor dHidden = pairs.activation("dHidden", 1, N, C).tested();
        Tensor dk = pairs.activation("dk", 1, N, 2, 12).tested();
        Tensor dv = pairs.activation("dv", 1, N, 2, 12).tested();
        Tensor dHead = pairs.weight("dHead", 1, 5000, C).tested();
        Tensor dWeight = pairs.weight("dWeight", 1, C).tested();
        Tensor[] results = {out, rstd, dHidden, dk, dv, dHead, dWeight};
        Tensor attended = out.view(q.shape());
        byte[][] first = null;
        for (int round = 0; round < 5; round++) {
            kernels.fill(dHead, 0.5);
            kernels.fill(dWeight, 0.5);
            kernels.attention(attended, q, k, k, segments, 0.3);
            kernels.attentionBackward(dHidden.view(q.shape()), dk, dv, q, q, k, k, segments, 0.3);
            kernels.rmsNorm(out, rstd, hidden.tested(), weight.tested(), 1e-5);
            kernels.rmsNormBackward(dHidden, dWeight, out, hidden.tested(), weight.tested(), rstd);
            kernels.embeddingBackward(dHead, labels.tested(), dHidden);
            kernels.linearCrossEntropyBackward(dHidden, dHead, out, head.tested(), labels.tested(), 0.01);
            kernels.matmul(dHead.rows(0, C), out, true, hidden.tested(), false, true);
            byte[][] bits = Arrays.stream(results).map(Numbers::bits).toArray(byte[][]::new);
            first = first == null ? bits : first;
            assertThat(bits).as("round %d", round).isDeepEqualTo(first);
        }
    }

    // ---- helpers ----

    private record Attended(Pair q, Pair k, Pair v, Pair out) {}

    private Attended attention(AttentionCase c) {
        int N = c.segments.queryStart()[c.segments.count()];
        int M = c.segments.keyStart()[c.segments.count()];
        Pair q = pairs.activation("q", c.magnitude, N, c.H, c.D);
        Pair k = pairs.activation("k", c.magnitude, M, c.G, c.D);
        Pair v = pairs.activation("v", 1, M, c.G, c.D);
        Pair out = pairs.activation("attention", 1, N, c.H, c.D);
        double scale = 1 / Math.sqrt(c.D);
        reference.attention(out.reference(), q.reference(), k.reference(), v.reference(), c.segments, scale);
        kernels.attention(out.tested(), q.tested(), k.tested(), v.tested(), c.segments, scale);
        pairs.assertAgreement(tolerance(), out);
        return new Attended(q, k, v, out);
    }

    @FunctionalInterface
    private interface Binary {
        void run(Kernels kernels, Tensor out, Tensor a, Tensor b);
    }

    private void both(Pair out, Pair a, Pair b, Binary operation) {
        operation.run(reference, out.reference(), a.reference(), b.reference());
        operation.run(kernels, out.tested(), a.tested(), b.tested());
    }

    private void matmul(Pair out, Pair a, boolean transposeA, Pair b, boolean transposeB, boolean accumulate) {
        reference.matmul(out.reference(), a.reference(), transposeA, b.reference(), transposeB, accumulate);
        kernels.matmul(out.tested(), a.tested(), transposeA, b.tested(), transposeB, accumulate);
    }
}
