package tutti.worker.allreduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assertions.withinPercentage;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.common.protocol.GradientKey;
import tutti.worker.tensor.DType;

/** What collectives promise over any link. A subclass brings the link. */
public abstract class CollectivesContract {
    static final Duration PATIENT = Duration.ofSeconds(20);
    /** Longer than a busy machine lets a thread wait for a core. */
    static final Duration SHORT = Duration.ofSeconds(1);

    /** Opens one end per rank of a fresh wire; called once for each rank, on that rank's thread. */
    protected abstract IntFunction<ChunkLink> wire(int ranks, long seed);

    /** How many ranks each sum that frames carry is of, in rank order. */
    protected int[] groups(int ranks) {
        return IntStream.range(0, ranks).map(rank -> 1).toArray();
    }

    /** Signs the frames; always the same one. */
    protected Optional<GradientKey> key() {
        return Optional.empty();
    }

    final Ranks ranks() {
        return new Ranks(key());
    }

    @ParameterizedTest
    @CsvSource({"1,1", "2,2", "2,3", "3,4", "3,5", "4,6", "4,7", "8,8", "8,9"})
    void shouldLeaveTheBitsOfTheTreeOnEveryRank(int ranks, long seed) throws Exception {
        SplittableRandom random = new SplittableRandom(seed);
        int[] sizes = {0, 1, ranks - 1, ranks + 1, 4097, random.nextInt(100_000), random.nextInt(400_000) + 1, 3};
        List<List<byte[]>> results = ranks().run(ranks, wire(ranks, seed), PATIENT, (rank, collectives) -> {
            List<ByteBuffer> buffers = new ArrayList<>();
            List<Pending> pending = new ArrayList<>();
            for (int i = 0; i < sizes.length; i++) {
                buffers.add(NaiveSum.values(seed + i, rank, sizes[i], dtype(i)));
                pending.add(collectives.allReduceSum("sum-" + i, buffers.get(i), dtype(i)));
                if (i == 4) {
                    pending.get(2).await();
                }
            }
            pending.forEach(Pending::await);
            assertThat(pending.get(6).nanos()).isPositive();
            return buffers.stream().map(NaiveSum::bytes).toList();
        });
        for (int i = 0; i < sizes.length; i++) {
            byte[] expected = NaiveSum.expected(seed + i, ranks, sizes[i], dtype(i));
            for (int rank = 0; rank < ranks; rank++) {
                // Not assertThat(array): a difference would print megabytes.
                assertThat(Arrays.mismatch(results.get(rank).get(i), expected))
                        .as("first byte that differs: rank %d, %d elements of %s", rank, sizes[i], dtype(i))
                        .isEqualTo(-1);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = DType.class,
            names = {"F32", "BF16"})
    @EnabledIfSystemProperty(
            named = "tutti.soak",
            matches = "true",
            disabledReason = "skipped: gigabytes; -Dtutti.soak=true runs it")
    void shouldSumAQuarterOfAGigabyte(DType wireType) throws Exception {
        int elements = (256 << 20) / Float.BYTES;
        byte[] expected = wireType == DType.F32
                ? NaiveSum.expected(9, 2, elements, DType.F32)
                : NaiveSum.expectedNarrowed(9, groups(2), elements);
        List<Integer> differences = ranks().run(2, wire(2, 9), PATIENT, (rank, collectives) -> {
            ByteBuffer data = NaiveSum.values(9, rank, elements, DType.F32);
            collectives.allReduceSum("large", data, DType.F32, wireType).await();
            return data.mismatch(ByteBuffer.wrap(expected));
        });
        assertThat(differences).as("first byte that differs").containsOnly(-1);
    }

    private static DType dtype(int i) {
        return new DType[] {DType.F32, DType.BF16, DType.F64, DType.F32}[i % 4];
    }

    /** Halves of an all-reduce, one after the other and among others: what both together leave is the all-reduce. */
    @ParameterizedTest
    @CsvSource({"1,1", "2,2", "3,3", "4,4", "5,5", "8,6"})
    void shouldReduceToTheOwnersAndSpreadFromThem(int ranks, long seed) throws Exception {
        int[] sizes = {0, 5, 3001, 150_000};
        List<List<byte[]>> results = ranks().run(ranks, wire(ranks, seed), PATIENT, (rank, collectives) -> {
            List<byte[]> sums = new ArrayList<>();
            for (int i = 0; i < sizes.length; i++) {
                DType dtype = dtype(i);
                Partition parts = Partition.even(sizes[i], ranks, 64);
                ByteBuffer data = NaiveSum.values(seed + i, rank, sizes[i], dtype);
                collectives.reduceScatterSum("scatter-" + i, data, dtype, parts).await();
                ByteBuffer own = ByteBuffer.allocateDirect(data.capacity());
                int start = parts.start(rank) * dtype.bytes();
                own.put(start, data, start, parts.length(rank) * dtype.bytes());
                Pending gathered = collectives.allGather("gather-" + i, own, dtype, parts);
                collectives.allReduceSumAndWait("between-" + i, ByteBuffer.allocateDirect(40_000), DType.F32);
                gathered.await();
                sums.add(NaiveSum.bytes(own));
            }
            return sums;
        });
        for (int i = 0; i < sizes.length; i++) {
            byte[] expected = NaiveSum.expected(seed + i, ranks, sizes[i], dtype(i));
            for (int rank = 0; rank < ranks; rank++) {
                assertThat(Arrays.mismatch(results.get(rank).get(i), expected))
                        .as("first byte that differs: rank %d, %d elements of %s", rank, sizes[i], dtype(i))
                        .isEqualTo(-1);
            }
        }
    }

    /** Whole and in halves, between sums of which all bits travel. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
    void shouldRoundOnlyWhatTravelsBetweenNodes(int ranks) throws Exception {
        int[] sizes = {0, 1, ranks - 1, ranks + 1, 63, 4097, 12_289, 100_003};
        List<List<byte[]>> results = ranks().run(ranks, wire(ranks, ranks), PATIENT, (rank, collectives) -> {
            List<ByteBuffer> buffers = new ArrayList<>();
            List<Pending> pending = new ArrayList<>();
            for (int i = 0; i < sizes.length; i++) {
                ByteBuffer narrowed = NaiveSum.values(i, rank, sizes[i], DType.F32);
                ByteBuffer halves = NaiveSum.values(i, rank, sizes[i], DType.F32);
                ByteBuffer all = NaiveSum.values(i, rank, sizes[i], DType.F32);
                Partition parts = Partition.even(sizes[i], ranks, 64);
                pending.add(collectives.allReduceSum("narrowed-" + i, narrowed, DType.F32, DType.BF16));
                pending.add(collectives.reduceScatterSum("scatter-" + i, halves, DType.F32, DType.BF16, parts));
                pending.add(collectives.allReduceSum("all-" + i, all, DType.F32));
                pending.add(collectives.allGather("gather-" + i, halves, DType.F32, parts));
                buffers.addAll(List.of(narrowed, halves, all));
            }
            pending.forEach(Pending::await);
            return buffers.stream().map(NaiveSum::bytes).toList();
        });
        for (int i = 0; i < sizes.length; i++) {
            byte[] narrowed = NaiveSum.expectedNarrowed(i, groups(ranks), sizes[i]);
            byte[] all = NaiveSum.expected(i, ranks, sizes[i], DType.F32);
            for (int rank = 0; rank < ranks; rank++) {
                List<byte[]> sums = results.get(rank).subList(3 * i, 3 * i + 3);
                String what = "first byte that differs: rank %d, %d elements".formatted(rank, sizes[i]);
                assertThat(Arrays.mismatch(sums.get(0), narrowed)).as(what).isEqualTo(-1);
                assertThat(Arrays.mismatch(sums.get(1), narrowed))
                        .as(what + ", in halves")
                        .isEqualTo(-1);
                assertThat(Arrays.mismatch(sums.get(2), all))
                        .as(what + ", all bits")
                        .isEqualTo(-1);
            }
        }
    }

    @Test
    void shouldCarryInfinitiesAndNaNsInBfloat16() throws Exception {
        int elements = 30_000;
        List<float[]> results = ranks().run(3, wire(3, 1), PATIENT, (rank, collectives) -> {
            ByteBuffer data = ByteBuffer.allocateDirect(elements * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
            for (int i = 0; i < elements; i++) {
                data.putFloat(i * Float.BYTES, 1);
            }
            data.putFloat(17 * Float.BYTES, rank == 2 ? Float.NEGATIVE_INFINITY : 1);
            data.putInt(18 * Float.BYTES, rank == 1 ? 0x7fffffff : 0);
            data.putInt((elements - 1) * Float.BYTES, rank == 0 ? 0xff800001 : 0);
            data.putFloat((elements - 2) * Float.BYTES, Float.MAX_VALUE / 4);
            collectives.allReduceSum("special", data, DType.F32, DType.BF16).await();
            float[] sums = new float[elements];
            data.asFloatBuffer().get(sums);
            return sums;
        });
        for (float[] sums : results) {
            assertThat(sums[16]).isEqualTo(3);
            assertThat(sums[17]).isEqualTo(Float.NEGATIVE_INFINITY);
            assertThat(sums[18]).isNaN();
            assertThat(sums[19]).isEqualTo(3);
            assertThat(sums[elements - 2]).isCloseTo(Float.MAX_VALUE / 4 * 3, withinPercentage(1));
            assertThat(sums[elements - 1]).isNaN();
        }
    }

    @ParameterizedTest
    @CsvSource({"1,0", "2,1", "3,1", "5,4"})
    void shouldBroadcastFromAnyRoot(int ranks, int root) throws Exception {
        int[] sizes = {0, 1, 4000, 123_457};
        List<List<byte[]>> results = ranks().run(ranks, wire(ranks, 1), PATIENT, (rank, collectives) -> {
            List<byte[]> copies = new ArrayList<>();
            for (int size : sizes) {
                ByteBuffer data = ByteBuffer.allocateDirect(size);
                for (int i = 0; i < size && rank == root; i++) {
                    data.put(i, (byte) (i * 31));
                }
                collectives.broadcast("weights", data, DType.U8, root).await();
                copies.add(NaiveSum.bytes(data));
            }
            return copies;
        });
        for (int i = 0; i < sizes.length; i++) {
            byte[] expected = new byte[sizes[i]];
            for (int at = 0; at < expected.length; at++) {
                expected[at] = (byte) (at * 31);
            }
            for (List<byte[]> copies : results) {
                assertThat(Arrays.mismatch(copies.get(i), expected)).isEqualTo(-1);
            }
        }
    }

    /** On the callers' threads and on the communication thread in turn: neither overtakes the other. */
    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4})
    void shouldKeepTheOrderWhoeverRuns(int ranks) throws Exception {
        List<List<byte[]>> results = ranks().run(ranks, wire(ranks, 5), PATIENT, (rank, collectives) -> {
            List<ByteBuffer> buffers = new ArrayList<>();
            List<Pending> pending = new ArrayList<>();
            for (int i = 0; i < 60; i++) {
                ByteBuffer data = NaiveSum.values(i, rank, 1 + 500 * (i % 20), DType.F32);
                buffers.add(data);
                if (i % 3 == rank % 3) {
                    collectives.allReduceSumAndWait("turn-" + i, data, DType.F32);
                } else {
                    pending.add(collectives.allReduceSum("turn-" + i, data, DType.F32));
                }
            }
            pending.forEach(Pending::await);
            return buffers.stream().map(NaiveSum::bytes).toList();
        });
        for (int i = 0; i < 60; i++) {
            byte[] expected = NaiveSum.expected(i, ranks, 1 + 500 * (i % 20), DType.F32);
            for (List<byte[]> result : results) {
                assertThat(result.get(i)).isEqualTo(expected);
            }
        }
    }

    @Test
    void shouldSumOnlyFromPositionToLimit() throws Exception {
        List<ByteBuffer> results = ranks().run(2, wire(2, 1), PATIENT, (rank, collectives) -> {
            ByteBuffer data = NaiveSum.values(5, rank, 100, DType.F32);
            collectives
                    .allReduceSum("slice", data.position(40).limit(80), DType.F32)
                    .await();
            assertThat(data.position()).isEqualTo(40);
            return data.clear();
        });
        byte[] expected = NaiveSum.bytes(NaiveSum.values(5, 1, 100, DType.F32));
        System.arraycopy(NaiveSum.expected(5, 2, 100, DType.F32), 40, expected, 40, 40);
        assertThat(NaiveSum.bytes(results.get(1))).isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 8})
    void shouldGatherInRankOrder(int ranks) throws Exception {
        List<long[][]> results = ranks().run(ranks, wire(ranks, 1), PATIENT, (rank, collectives) -> {
            assertThat(collectives.allGather("nothing", new long[0])).hasNumberOfRows(ranks);
            long[] values = new long[777];
            Arrays.fill(values, -1L - rank);
            values[0] = Long.MIN_VALUE + rank;
            return collectives.allGather("values", values);
        });
        for (long[][] result : results) {
            assertThat(result).hasDimensions(ranks, 777);
            for (int rank = 0; rank < ranks; rank++) {
                assertThat(result[rank])
                        .startsWith(Long.MIN_VALUE + rank, -1L - rank)
                        .endsWith(-1L - rank);
            }
        }
    }

    @Test
    void shouldHoldEveryRankAtTheBarrierUntilAllHaveCome() throws Exception {
        AtomicInteger arrived = new AtomicInteger();
        ranks().run(3, wire(3, 1), PATIENT, (rank, collectives) -> {
            for (int round = 1; round <= 20; round++) {
                arrived.incrementAndGet();
                collectives.barrier("round-" + round);
                assertThat(arrived.get()).isGreaterThanOrEqualTo(3 * round);
            }
            return null;
        });
    }

    @Test
    void shouldLetOneRankRunAheadByManyCollectives() throws Exception {
        int count = 150;
        CountDownLatch allStarted = new CountDownLatch(1);
        List<List<byte[]>> results = ranks().run(3, wire(3, 7), PATIENT, (rank, collectives) -> {
            List<ByteBuffer> buffers = new ArrayList<>();
            List<Pending> pending = new ArrayList<>();
            if (rank != 0) {
                allStarted.await();
            }
            for (int i = 0; i < count; i++) {
                // Every fifth is empty: nothing is exchanged, yet the numbers stay in step.
                buffers.add(NaiveSum.values(i, rank, i % 5 == 0 ? 0 : 1 + i * 37, DType.F32));
                pending.add(collectives.allReduceSum("ahead-" + i, buffers.get(i), DType.F32));
                if (rank == 2) {
                    pending.get(i).await();
                }
            }
            allStarted.countDown();
            pending.forEach(Pending::await);
            return buffers.stream().map(NaiveSum::bytes).toList();
        });
        for (int i = 0; i < count; i++) {
            byte[] expected = NaiveSum.expected(i, 3, i % 5 == 0 ? 0 : 1 + i * 37, DType.F32);
            for (List<byte[]> result : results) {
                assertThat(result.get(i)).isEqualTo(expected);
            }
        }
    }

    @Test
    void shouldNameARankThatNeverComes() throws Exception {
        int[] present = {0, 1};
        List<TuttiException> failures = ranks().run(present, 3, wire(3, 1), rank -> SHORT, (rank, collectives) -> {
            ByteBuffer data = ByteBuffer.allocateDirect(3 * 40_000);
            Pending pending = collectives.allReduceSum("layer.7", data, DType.F32);
            Pending behind = collectives.allReduceSum("layer.6", ByteBuffer.allocateDirect(8), DType.F64);
            TuttiException failure = catchThrowableOfType(TuttiException.class, pending::await);
            assertThatThrownBy(behind::await).hasMessage(failure.getMessage());
            assertThatThrownBy(() -> collectives.barrier("later")).hasMessage(failure.getMessage());
            return failure;
        });
        for (TuttiException failure : failures) {
            assertThat(failure.category()).isEqualTo(Category.PEER);
            assertThat(failure)
                    .hasMessageContaining("all-reduce 'layer.7'")
                    .hasMessageContaining("generation 3")
                    .hasMessageFindingMatch("waits for rank 2 \\(host-2\\): received 0 of [48]0000 bytes");
        }
    }

    @Test
    void shouldNameARankThatIsThereButStartsNothing() throws Exception {
        CountDownLatch failed = new CountDownLatch(1);
        List<String> messages = ranks().run(2, wire(2, 1), SHORT, (rank, collectives) -> {
            if (rank == 1) {
                failed.await();
                return "";
            }
            try {
                return assertThatThrownByGather(collectives);
            } finally {
                failed.countDown();
            }
        });
        assertThat(messages.get(0))
                .contains("all-gather 'tokens'")
                .contains("waits for rank 1 (host-1): received 0 of 16 bytes");
    }

    /** On a clock that runs a hundred times too fast, so that nobody waits for real seconds. */
    @Test
    void shouldNameARankThatIsLateLongBeforeTheDeadlineAndGoOnWhenItComes() throws Exception {
        IntFunction<ChunkLink> wire = wire(2, 1);
        CompletableFuture<String> report = new CompletableFuture<>();
        try (TreeAllReduce waiting = Ranks.open(
                        wire.apply(0),
                        ranks().group(0, 2),
                        Duration.ofHours(1),
                        () -> 100 * System.nanoTime(),
                        report::complete);
                TreeAllReduce late = Ranks.open(wire.apply(1), ranks().group(1, 2), PATIENT)) {
            ByteBuffer data = NaiveSum.values(5, 0, 1000, DType.F32);
            Pending pending = waiting.allReduceSum("layer.7", data, DType.F32);
            assertThat(report.get(20, TimeUnit.SECONDS))
                    .contains("all-reduce 'layer.7'", "rank 0 (host-0), which waits for rank 1 (host-1)")
                    .contains("received 0 of 4000 bytes", "It fails after 3600 s");
            late.allReduceSum("layer.7", NaiveSum.values(5, 1, 1000, DType.F32), DType.F32)
                    .await();
            pending.await();
            assertThat(NaiveSum.bytes(data)).isEqualTo(NaiveSum.expected(5, 2, 1000, DType.F32));
        }
    }

    private static String assertThatThrownByGather(Collectives collectives) {
        TuttiException failure =
                catchThrowableOfType(TuttiException.class, () -> collectives.allGather("tokens", new long[2]));
        assertThat(failure.category()).isEqualTo(Category.PEER);
        return failure.getMessage();
    }

    /** The second ones travel different ways. */
    @ParameterizedTest
    @CsvSource({"800, 804", "800, 80000"})
    void shouldTellRanksThatRunDifferentCollectives(int bytes, int otherBytes) throws Exception {
        List<TuttiException> failures = ranks().run(2, wire(2, 1), PATIENT, (rank, collectives) -> {
            collectives.barrier("same");
            ByteBuffer data = ByteBuffer.allocateDirect(rank == 0 ? bytes : otherBytes);
            Pending pending = collectives.allReduceSum("bucket", data, DType.F32);
            return catchThrowableOfType(TuttiException.class, pending::await);
        });
        // The other one sees the same, or that the first one left because of it.
        assertThat(failures)
                .allSatisfy(
                        failure -> assertThat(failure).hasMessageContaining("runs another collective as its number 1"));
        assertThat(failures)
                .anySatisfy(failure -> assertThat(failure.category()).isEqualTo(Category.BUG));
    }

    /** Collectives that cannot be told apart may be started by any thread: each runs once, and one at a time. */
    @Test
    void shouldTakeCallsFromSeveralThreads() throws Exception {
        int threads = 3;
        List<Integer> sums = ranks().run(2, wire(2, 1), PATIENT, (rank, collectives) -> {
            ExecutorService callers = Executors.newFixedThreadPool(threads);
            try {
                List<Future<Integer>> futures = new ArrayList<>();
                for (int thread = 0; thread < threads; thread++) {
                    futures.add(callers.submit(() -> {
                        int sum = 0;
                        for (int i = 0; i < 300; i++) {
                            long[][] all = collectives.allGather("any", new long[] {rank + 1});
                            sum += (int) (10 * all[0][0] + all[1][0]);
                        }
                        return sum;
                    }));
                }
                int sum = 0;
                for (Future<Integer> future : futures) {
                    sum += future.get(20, TimeUnit.SECONDS);
                }
                return sum;
            } finally {
                callers.shutdownNow();
            }
        });
        assertThat(sums).containsOnly(12 * 300 * threads);
    }

    @Test
    void shouldTellPeersThatARankLeavesInTheMiddle() throws Exception {
        List<TuttiException> failures = ranks().run(3, wire(3, 1), PATIENT, (rank, collectives) -> {
            collectives.barrier("all there");
            if (rank == 2) {
                return null;
            }
            Pending pending = collectives.allReduceSum("left", ByteBuffer.allocateDirect(3 * 800), DType.F32);
            if (rank == 1) {
                collectives.close();
            }
            return catchThrowableOfType(TuttiException.class, pending::await);
        });
        assertThat(failures.get(0).category()).isEqualTo(Category.PEER);
        assertThat(failures.get(0))
                .hasMessageContaining("rank 1 (host-1) gave up")
                .hasMessageContaining("closed");
    }

    @Test
    void shouldAbortWhatIsPendingOnClose() throws Exception {
        IntFunction<ChunkLink> wire = wire(2, 1);
        TreeAllReduce collectives = Ranks.open(wire.apply(0), ranks().group(0, 2), PATIENT);
        Pending running = collectives.allReduceSum("running", ByteBuffer.allocateDirect(800), DType.F32);
        Pending queued = collectives.allReduceSum("queued", ByteBuffer.allocateDirect(800), DType.F32);
        collectives.close();
        assertThatThrownBy(running::await).isInstanceOf(TuttiException.class).hasMessageContaining("closed");
        assertThatThrownBy(queued::await).isInstanceOf(TuttiException.class).hasMessageContaining("closed");
        assertThatThrownBy(() -> collectives.barrier("late"))
                .isInstanceOf(TuttiException.class)
                .hasMessageContaining("closed");
        collectives.close();
    }
}
