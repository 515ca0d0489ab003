package tutti.worker.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static tutti.worker.model.BlockPolicy.NONE;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import tutti.common.config.TrainConfig.Backend;
import tutti.common.shard.BestFit;
import tutti.common.token.TokenizedExample;
import tutti.worker.batch.Batch;
import tutti.worker.batch.BatchBuilder;
import tutti.worker.checkpoint.WeightLoader;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Device;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.Segments;
import tutti.worker.tensor.Tensor;
import tutti.worker.train.Backends;
import tutti.worker.tune.FlatLayout;
import tutti.worker.tune.Replica;

/**
 * Samples in packs against the same samples each in a batch of its own. That positions begin at 0 in each is for {@code BatchBuilderTest}
 * to show: rotary embeddings see differences of them only, so it makes no difference here.
 */
class PackedGradientsTest {
    private static final LlamaConfig CONFIG = new LlamaConfig(32, 96, 2, 4, 2, 8, 100, 64, 1e-5, 1e4, true, 0.2);
    private static final int MAX = 64;
    /** Relative to the largest element of a weight's gradient: float32 in another order. */
    private static final double TOLERANCE = 1e-5;

    private static final List<TokenizedExample> SAMPLES = samples(new Random(4));

    /** @param gradients by weight */
    private record Outcome(double loss, Map<String, double[]> gradients) {
        /** The largest difference of any weight's gradients, relative to the largest of its elements. */
        double difference(Outcome other) {
            double largest = 0;
            for (Map.Entry<String, double[]> weight : gradients.entrySet()) {
                double[] its = weight.getValue();
                double[] others = other.gradients.get(weight.getKey());
                double apart = IntStream.range(0, its.length)
                        .mapToDouble(at -> Math.abs(its[at] - others[at]))
                        .max()
                        .orElseThrow();
                largest = Math.max(
                        largest, apart / Arrays.stream(its).map(Math::abs).max().orElseThrow());
            }
            return largest;
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Backend.class,
            names = {"REFERENCE", "TORCH", "ND4J"})
    void shouldGiveTheLossAndEveryGradientOfSamplesThatAreNotPacked(Backend backend) {
        Outcome alone = train(backend, SAMPLES.stream().map(List::of).toList(), batch -> batch);
        assertThat(alone.loss()).isPositive();
        for (int packs = 1; packs <= 4; packs++) {
            Outcome packed = train(backend, microBatches(packs), batch -> batch);
            assertThat(packed.loss()).isCloseTo(alone.loss(), within(TOLERANCE * alone.loss()));
            assertThat(alone.difference(packed))
                    .as("gradients of micro-batches of %d packs", packs)
                    .isLessThan(TOLERANCE);
        }
    }

    /** What the test above would see of samples that look at those before them in their pack. */
    @ParameterizedTest
    @EnumSource(
            value = Backend.class,
            names = {"REFERENCE", "TORCH"})
    void shouldNoticeALeak(Backend backend) {
        Outcome packed = train(backend, microBatches(1), batch -> batch);
        Outcome leaking = train(
                backend,
                microBatches(1),
                batch -> new Batch(
                        batch.ids(),
                        batch.positions(),
                        batch.labels(),
                        Segments.of(batch.rows()),
                        batch.rows(),
                        batch.tokens(),
                        batch.labelled()));
        assertThat(packed.difference(leaking)).isGreaterThan(100 * TOLERANCE);
        assertThat(leaking.loss()).isNotCloseTo(packed.loss(), within(10 * TOLERANCE * packed.loss()));
    }

    private static Outcome train(
            Backend backend, List<List<TokenizedExample>> microBatches, UnaryOperator<Batch> changed) {
        try (Kernels kernels = Backends.open(backend, Device.CPU, 1);
                Arena arena = kernels.arena("test", 1 << 24)) {
            DType dtype = kernels.masterDType();
            Replica replica = Replica.full(kernels, CONFIG, dtype, arena);
            WeightLoader.random(CONFIG, replica, 1);
            ActivationPlan plan = new ActivationPlan(CONFIG, dtype, dtype, 4 * MAX, MAX, List.of(NONE, NONE), true);
            Llama llama = new Llama(plan, kernels, replica, arena, () -> 0);
            kernels.reserve(plan.dimensions(), dtype);
            BatchBuilder batches = new BatchBuilder(arena, 4, MAX);
            int labelled =
                    SAMPLES.stream().mapToInt(TokenizedExample::labelledTokens).sum();
            replica.beginGradients();
            double loss = 0;
            for (List<TokenizedExample> samples : microBatches) {
                Batch batch = changed.apply(batches.build(samples));
                llama.forward(batch);
                loss += llama.backward(batch, 1.0 / labelled, GradientListener.NONE) / labelled;
            }
            Map<String, double[]> gradients = new LinkedHashMap<>();
            for (FlatLayout.Slot slot : replica.layout().slots()) {
                gradients.put(
                        slot.spec().name(),
                        doubles(slot.view(replica.gradients().written())));
            }
            return new Outcome(loss, gradients);
        }
    }

    private static double[] doubles(Tensor tensor) {
        ByteBuffer bytes = tensor.bytes();
        double[] values = new double[Math.toIntExact(tensor.count())];
        for (int i = 0; i < values.length; i++) {
            values[i] = tensor.dtype() == DType.F64
                    ? bytes.asDoubleBuffer().get(i)
                    : bytes.asFloatBuffer().get(i);
        }
        return values;
    }

    private static List<List<TokenizedExample>> microBatches(int packs) {
        int[] rows = SAMPLES.stream()
                .mapToInt(sample -> BatchBuilder.rows(sample.length(), MAX))
                .toArray();
        int[][] all = BestFit.packs(rows, MAX);
        assertThat(List.of(all)).as("something to pack").hasSizeBetween(4, SAMPLES.size() - 4);
        List<List<TokenizedExample>> microBatches = new ArrayList<>();
        for (int from = 0; from < all.length; from += packs) {
            microBatches.add(Arrays.stream(all, from, Math.min(all.length, from + packs))
                    .flatMapToInt(Arrays::stream)
                    .mapToObj(SAMPLES::get)
                    .toList());
        }
        return microBatches;
    }

    private static List<TokenizedExample> samples(Random random) {
        return IntStream.range(0, 14)
                .mapToObj(sample -> {
                    int[] ids = random.ints(2 + random.nextInt(40), 0, 100).toArray();
                    int[] labels = ids.clone();
                    Arrays.fill(labels, 0, 1 + random.nextInt(ids.length - 1), TokenizedExample.IGNORED);
                    return new TokenizedExample(ids, labels);
                })
                .toList();
    }
}
