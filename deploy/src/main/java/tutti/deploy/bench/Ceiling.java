package tutti.deploy.bench;

import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CompletionService;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.Shape;
import tutti.worker.tensor.Tensor;

/**
 * The most that matrix products reach on this machine: W instances of a backend at once, each with the threads of one worker, each
 * at the same product; the best of a few sizes counts, since what a step needs lies somewhere among them.
 *
 * @param open makes one instance; called on the thread that will use it
 * @param compute F32, BF16, or F64 in the reference
 * @param workers instances at once
 */
record Ceiling(Supplier<Kernels> open, DType compute, int workers, Timing timing) {
    private static final int[][] SIZES = {{1024, 1024, 1024}, {1024, 768, 2048}, {2048, 2048, 2048}};
    /** Plain Java takes seconds for each of the others. */
    private static final int[][] REFERENCE_SIZES = {{128, 128, 128}};

    private static final long DEADLINE_SECONDS = 120;
    private static final double GIGA = 1e9;

    /** A times B transposed: (m,k) and (n,k). */
    private record Product(int m, int k, int n) {
        double flops() {
            return 2.0 * m * k * n;
        }

        long bytes(DType dtype) {
            return Arena.bytesFor(dtype, Shape.of(m, k))
                    + Arena.bytesFor(dtype, Shape.of(n, k))
                    + Arena.bytesFor(dtype, Shape.of(m, n));
        }
    }

    /** GFLOP/s of all workers together. */
    double gflops() {
        AtomicInteger number = new AtomicInteger();
        ExecutorService threads = Executors.newFixedThreadPool(
                workers, task -> new Thread(task, "tutti-ceiling-" + number.getAndIncrement()));
        CyclicBarrier together = new CyclicBarrier(workers);
        try {
            // Taken as they end: one that fails ends before those that wait for it at the barrier.
            CompletionService<double[]> running = new ExecutorCompletionService<>(threads);
            for (int worker = 0; worker < workers; worker++) {
                running.submit(() -> one(together));
            }
            double[] sum = new double[sizes().length];
            for (int worker = 0; worker < workers; worker++) {
                Future<double[]> ended = running.poll(DEADLINE_SECONDS, TimeUnit.SECONDS);
                if (ended == null) {
                    throw new TimeoutException("workers=%d, ended=%d".formatted(workers, worker));
                }
                double[] rates = ended.get();
                for (int size = 0; size < sum.length; size++) {
                    sum[size] += rates[size];
                }
            }
            double best = 0;
            for (double rate : sum) {
                best = Math.max(best, rate);
            }
            return best;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while measuring the matmul ceiling", e);
        } catch (ExecutionException | TimeoutException e) {
            throw new IllegalStateException("the matmul ceiling could not be measured: " + e, e);
        } finally {
            // Wakes the workers that wait at the barrier for one that failed.
            threads.shutdownNow();
        }
    }

    /** GFLOP/s of one worker for each size. */
    private double[] one(CyclicBarrier together) throws InterruptedException, BrokenBarrierException, TimeoutException {
        int[][] sizes = sizes();
        double[] rates = new double[sizes.length];
        try (Kernels kernels = open.get()) {
            for (int i = 0; i < sizes.length; i++) {
                together.await(DEADLINE_SECONDS, TimeUnit.SECONDS);
                rates[i] = rate(kernels, new Product(sizes[i][0], sizes[i][1], sizes[i][2]));
            }
        }
        return rates;
    }

    private double rate(Kernels kernels, Product p) {
        try (Arena arena = kernels.arena("ceiling", p.bytes(compute))) {
            Tensor a = arena.take("a", compute, Shape.of(p.m, p.k));
            Tensor b = arena.take("b", compute, Shape.of(p.n, p.k));
            Tensor out = arena.take("product", compute, Shape.of(p.m, p.n));
            Noise noise = new Noise(kernels);
            noise.fill(a);
            noise.fill(b);
            Spread seconds = timing.secondsPerCall(() -> kernels.matmul(out, a, false, b, true, false));
            return p.flops() / seconds.median() / GIGA;
        }
    }

    private int[][] sizes() {
        return compute == DType.F64 ? REFERENCE_SIZES : SIZES;
    }
}
