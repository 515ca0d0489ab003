package tutti.worker.allreduce;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import java.util.function.LongSupplier;
import java.util.stream.IntStream;
import tutti.common.protocol.GradientKey;
import tutti.worker.tensor.torch.TorchAddition;

/**
 * Runs W ranks as threads and waits for all of them; the first failure is the test's.
 *
 * @param key of the group
 */
record Ranks(Optional<GradientKey> key) {
    static final long RUN = 0x7475747469L;
    static final int GENERATION = 3;

    /** What one rank does with its collectives; the collectives are closed behind it. */
    interface Body<R> {
        R run(int rank, TreeAllReduce collectives) throws Exception;
    }

    Group group(int rank, int ranks) {
        List<String> hosts =
                IntStream.range(0, ranks).mapToObj(r -> "host-" + r).toList();
        return new Group(RUN, GENERATION, rank, hosts, key);
    }

    static TreeAllReduce open(ChunkLink link, Group group, Duration deadline) {
        return open(link, group, deadline, System::nanoTime, stall -> {});
    }

    static TreeAllReduce open(
            ChunkLink link, Group group, Duration deadline, LongSupplier nanoClock, Consumer<String> onStall) {
        if (!(link instanceof SharingLink sharing)) {
            return new TreeAllReduce(link, group, 16 << 10, deadline, nanoClock, onStall, new PlainAddition());
        }
        return new TreeAllReduce(
                link,
                group,
                16 << 10,
                deadline,
                nanoClock,
                onStall,
                new TorchAddition(),
                sharing.topology(),
                sharing.segments(group),
                FlightRecorder.withoutFile());
    }

    <R> List<R> run(int ranks, IntFunction<ChunkLink> links, Duration deadline, Body<R> body) throws Exception {
        return run(IntStream.range(0, ranks).toArray(), ranks, links, rank -> deadline, body);
    }

    /** As above, with only some of the ranks there, and a deadline for each. */
    <R> List<R> run(
            int[] present, int ranks, IntFunction<ChunkLink> links, IntFunction<Duration> deadlines, Body<R> body)
            throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(present.length);
        try {
            List<Future<R>> futures = new ArrayList<>();
            for (int rank : present) {
                futures.add(threads.submit(() -> {
                    Thread.currentThread().setName("test-rank-" + rank);
                    try (TreeAllReduce collectives =
                            open(links.apply(rank), group(rank, ranks), deadlines.apply(rank))) {
                        return body.run(rank, collectives);
                    }
                }));
            }
            List<R> results = new ArrayList<>();
            for (Future<R> future : futures) {
                results.add(get(future));
            }
            return results;
        } finally {
            threads.shutdownNow();
        }
    }

    private static <R> R get(Future<R> future) throws InterruptedException, TimeoutException {
        try {
            return future.get(120, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            throw new AssertionError("a rank failed: " + e.getCause().getMessage(), e.getCause());
        }
    }
}
