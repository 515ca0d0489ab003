package tutti.worker.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import tutti.common.config.TrainConfig.Backend;
import tutti.common.error.TuttiException;
import tutti.common.token.TokenizedExample;
import tutti.worker.batch.BatchBuilder;
import tutti.worker.checkpoint.WeightLoader;
import tutti.worker.generate.Generator.End;
import tutti.worker.generate.Generator.Made;
import tutti.worker.generate.Generator.Request;
import tutti.worker.model.ActivationPlan;
import tutti.worker.model.Llama;
import tutti.worker.model.LlamaConfig;
import tutti.worker.model.LlamaDecoder;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.Device;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.Tensor;
import tutti.worker.train.Backends;
import tutti.worker.tune.Replica;

/** Decoding with a cache, several sequences at once, beside the model without a cache, one token at a time. */
class GeneratorTest {
    private static final int VOCABULARY = 24;
    private static final int POSITIONS = 700;
    private static final LlamaConfig CONFIG =
            new LlamaConfig(16, 24, 3, 4, 2, 4, VOCABULARY, POSITIONS, 1e-5, 1e4, true, 0.5);
    private static final int[][] PROMPTS = {{1, 7, 3}, {5}, {2, 2, 9, 11, 4, 17, 20}, {8, 1}};
    private static final int NEW = 9;
    /** Backends may order two tokens otherwise whose logits are so close; none in these texts are. */
    private static final double MARGIN = 1e-3;

    @ParameterizedTest
    @EnumSource(names = {"TORCH", "ND4J", "REFERENCE"})
    void shouldSayGreedilyWhatTheModelSaysWithoutACache(Backend backend) {
        try (Bench bench = new Bench(Backends.open(backend, Device.CPU, 1), 4, 64)) {
            List<Made> together = bench.generate(token -> true, PROMPTS);
            for (int s = 0; s < PROMPTS.length; s++) {
                int[] expected = bench.uncached(PROMPTS[s]);
                assertThat(together.get(s).tokens())
                        .as("sequence %d beside others", s)
                        .isEqualTo(expected);
                assertThat(together.get(s).end()).isEqualTo(End.MAX_NEW_TOKENS);
                assertThat(bench.generate(token -> true, PROMPTS[s]).get(0).tokens())
                        .as("sequence %d alone", s)
                        .isEqualTo(expected);
            }
            assertThat(together.stream()
                            .map(made -> Arrays.toString(made.tokens()))
                            .distinct())
                    .as("prompts tell the sequences apart")
                    .hasSize(PROMPTS.length);
        }
    }

    @Test
    void shouldLeaveTheOthersAloneWhenASequenceEnds() {
        try (Bench bench = new Bench(Backends.open(Backend.REFERENCE, Device.CPU, 1), 4, 64)) {
            List<Made> full = bench.generate(token -> true, PROMPTS);
            int stop = full.get(1).tokens()[2];
            List<Request> requests = IntStream.range(0, PROMPTS.length)
                    .mapToObj(s -> new Request(PROMPTS[s], Sampler.GREEDY, token -> s != 1 || token != stop))
                    .toList();
            List<Made> made = bench.generator.generate(requests, NEW, Set.of());
            assertThat(made.get(1).end()).isEqualTo(End.STOPPED);
            assertThat(made.get(1).tokens()).endsWith(stop).hasSizeLessThan(4);
            for (int s : new int[] {0, 2, 3}) {
                assertThat(made.get(s).tokens()).isEqualTo(full.get(s).tokens());
            }
            assertThat(bench.generator
                            .generate(
                                    requests.subList(0, 1),
                                    NEW,
                                    Set.of(full.get(0).tokens()[3]))
                            .get(0)
                            .tokens())
                    .as("a stop token is no part of the text")
                    .hasSizeLessThan(4)
                    .doesNotContain(full.get(0).tokens()[3]);
        }
    }

    @Test
    void shouldFeedAPromptOfAnyLengthInPieces() {
        int[] prompt = IntStream.range(0, 2 * 512 + 5)
                .map(i -> (i * i + 3 * i) % VOCABULARY)
                .limit(600)
                .toArray();
        try (Bench bench = new Bench(Backends.open(Backend.TORCH, Device.CPU, 1), 2, POSITIONS)) {
            float[] expected = bench.uncachedLogits(prompt);
            float[] logits = bench.generator.logits(prompt);
            double shift = logits[0] - expected[0];
            for (int v = 0; v < VOCABULARY; v++) {
                assertThat(logits[v] - shift).isCloseTo(expected[v], within(1e-4));
            }
            List<Made> together = bench.generate(token -> true, prompt, PROMPTS[0]);
            assertThat(together.get(1).tokens()).isEqualTo(bench.uncached(PROMPTS[0]));
        }
    }

    @Test
    void shouldComputeNothingAgainThatAConversationHasSaid() {
        AtomicLong rows = new AtomicLong();
        try (Bench bench = new Bench(counting(Backends.open(Backend.REFERENCE, Device.CPU, 1), rows), 1, 64)) {
            Made first = bench.resume(PROMPTS[2]);
            int[] second = concat(PROMPTS[2], first.tokens(), 3, 4);
            rows.set(0);
            Made resumed = bench.resume(second);
            assertThat(rows.get())
                    .as("last token, two new ones, and answers but the last")
                    .isEqualTo(3 + NEW - 1);
            assertThat(resumed.tokens()).isEqualTo(bench.uncached(second));
            int[] other = second.clone();
            other[4] = (other[4] + 1) % VOCABULARY;
            rows.set(0);
            Made otherwise = bench.resume(other);
            assertThat(rows.get()).as("from the token that differs").isEqualTo(other.length - 4 + NEW - 1);
            rows.set(0);
            Made again = bench.resume(other);
            assertThat(rows.get()).as("the same again").isEqualTo(1 + NEW - 1);
            assertThat(again.tokens()).isEqualTo(otherwise.tokens()).isEqualTo(bench.uncached(other));
        }
    }

    @Test
    void shouldEndWhereTheCacheIsFull() {
        try (Bench bench = new Bench(Backends.open(Backend.REFERENCE, Device.CPU, 1), 1, 10)) {
            Made made = bench.generate(token -> true, PROMPTS[2]).get(0);
            assertThat(made.end()).isEqualTo(End.CONTEXT_FULL);
            assertThat(made.tokens()).isEqualTo(Arrays.copyOf(bench.uncached(PROMPTS[2]), 10 - PROMPTS[2].length + 1));
            assertThatThrownBy(() -> bench.generate(token -> true, new int[11]))
                    .isInstanceOf(TuttiException.class)
                    .hasMessageContaining("11 tokens, more than the 10");
        }
    }

    /** Counts the rows that go into the model; everything else passes. */
    private static Kernels counting(Kernels kernels, AtomicLong rows) {
        return (Kernels) Proxy.newProxyInstance(
                Kernels.class.getClassLoader(), new Class<?>[] {Kernels.class}, (proxy, method, arguments) -> {
                    if (method.getName().equals("embedding")) {
                        rows.addAndGet(((Tensor) arguments[2]).count());
                    }
                    try {
                        return method.invoke(kernels, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    private static int[] concat(int[] a, int[] b, int... more) {
        return IntStream.concat(IntStream.concat(Arrays.stream(a), Arrays.stream(b)), Arrays.stream(more))
                .toArray();
    }

    /** A random model with and without a cache. */
    private static final class Bench implements AutoCloseable {
        private final Kernels kernels;
        private final Arena arena;
        private final Llama llama;
        private final BatchBuilder batches;
        private final Generator generator;

        Bench(Kernels kernels, int slots, int capacity) {
            this.kernels = kernels;
            this.arena = kernels.arena("test", 1 << 24);
            Replica replica = Replica.frozen(kernels, CONFIG, kernels.masterDType(), arena);
            WeightLoader.random(CONFIG, replica, 1);
            ActivationPlan plan = ActivationPlan.forwardOnly(
                    CONFIG, kernels.masterDType(), kernels.masterDType(), POSITIONS, POSITIONS);
            llama = new Llama(plan, kernels, replica, arena, System::nanoTime);
            batches = new BatchBuilder(arena, 1, POSITIONS);
            Arena memory = kernels.arena("cache", 1 << 24);
            generator = new Generator(
                    new LlamaDecoder(CONFIG, kernels, kernels.masterDType(), replica, memory, slots, capacity),
                    memory::close);
        }

        List<Made> generate(IntPredicate listener, int[]... prompts) {
            List<Request> requests = Arrays.stream(prompts)
                    .map(prompt -> new Request(prompt, Sampler.GREEDY, listener))
                    .toList();
            return generator.generate(requests, NEW, Set.of());
        }

        Made resume(int[] prompt) {
            return generator.resume(new Request(prompt, Sampler.GREEDY, token -> true), NEW, Set.of());
        }

        int[] uncached(int[] prompt) {
            int[] all = prompt;
            for (int i = 0; i < NEW; i++) {
                float[] logits = uncachedLogits(all);
                int best = Sampler.GREEDY.next(logits, new BitSet());
                double[] sorted = IntStream.range(0, VOCABULARY)
                        .mapToDouble(v -> logits[v])
                        .sorted()
                        .toArray();
                assertThat(sorted[VOCABULARY - 1] - sorted[VOCABULARY - 2])
                        .as("a clear first")
                        .isGreaterThan(MARGIN);
                all = concat(all, new int[] {best});
            }
            return Arrays.copyOfRange(all, prompt.length, all.length);
        }

        /** But for a constant: the loss of each token that could come next. */
        float[] uncachedLogits(int[] tokens) {
            float[] logits = new float[VOCABULARY];
            for (int v = 0; v < VOCABULARY; v++) {
                int[] ids = concat(tokens, new int[] {v});
                int[] labels = new int[ids.length];
                Arrays.fill(labels, Kernels.IGNORE);
                labels[tokens.length] = v;
                var batch = batches.build(List.of(new TokenizedExample(ids, labels)));
                llama.forward(batch);
                logits[v] = (float) -llama.loss(batch);
            }
            return logits;
        }

        @Override
        public void close() {
            generator.close();
            arena.close();
            kernels.close();
        }
    }
}
