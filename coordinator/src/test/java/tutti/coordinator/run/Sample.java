package tutti.coordinator.run;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import tutti.common.metrics.StepMetrics;
import tutti.common.protocol.WorkerReport.BucketTimes;
import tutti.common.protocol.WorkerReport.StepWire;

/** A run as it could be, for tests: the same every time. */
public final class Sample {
    public static final long TOTAL_STEPS = 1_200;

    private Sample() {}

    public static RunStatus forming() {
        return RunStatus.forming(
                "tiny-llama-alpaca",
                "TinyLlama/TinyLlama-1.1B-Chat-v1.0",
                TOTAL_STEPS,
                3,
                System.currentTimeMillis() - 754_000,
                "out/tiny-llama-alpaca");
    }

    /** Four workers, of which rank 2 computes slowest. */
    public static RunStatus training(long step) {
        List<WorkerStatus> workers = new ArrayList<>();
        double[] compute = {311.4, 309.8, 388.2, 312.9};
        for (int rank = 0; rank < compute.length; rank++) {
            workers.add(new WorkerStatus(
                    rank,
                    rank < 2 ? "node-a.example" : "node-b.example",
                    41_200 + 17L * rank,
                    "cuda:" + rank % 2,
                    "training",
                    step,
                    421.5,
                    compute[rank],
                    (5_900L + 31 * rank) << 20));
        }
        return forming()
                .withState(RunState.TRAINING, "")
                .withWorkers(2, workers)
                .withStep(step, (TOTAL_STEPS - step) * 421 / 1000)
                .withLastCheckpoint("checkpoint-" + step / 100 * 100);
    }

    public static StepMetrics step(long step) {
        Random noise = new Random(step);
        double done = (double) step / TOTAL_STEPS;
        double warmup = Math.min(1, step / 36.0);
        return new StepMetrics(
                step,
                3 * done,
                0.85 + 1.9 * Math.exp(-5 * done) + 0.09 * noise.nextGaussian(),
                2e-5 * warmup * 0.5 * (1 + Math.cos(Math.PI * done)),
                0.9 + 2.2 * Math.exp(-9 * done) + 0.18 * Math.abs(noise.nextGaussian()),
                30_412,
                77_800 + 900 * noise.nextGaussian(),
                421.5 + 4 * noise.nextGaussian(),
                1.2,
                112.4,
                96.3,
                141.8,
                118.9,
                31.7,
                2.75,
                8.4,
                16.5,
                6.4,
                6_200L << 20,
                4,
                2);
    }

    /** What the collectives of a step did on one rank: two buckets, of which backward hid one. */
    public static StepWire wire() {
        return new StepWire(
                118.9,
                330_000_000,
                326_000_000,
                117.5,
                41,
                3,
                Map.of("duplicate", 0L, "bad_checksum", 2L),
                List.of(new BucketTimes(0, 52.5, 0), new BucketTimes(1, 83.0, 29.5)));
    }

    /** A step that went wrong: loss and gradient are no finite numbers. */
    public static StepMetrics notFinite(long step) {
        StepMetrics good = step(step);
        return new StepMetrics(
                step,
                good.epoch(),
                Double.NaN,
                good.learningRate(),
                Double.POSITIVE_INFINITY,
                good.tokens(),
                good.tokensPerSecond(),
                good.stepMs(),
                good.dataMs(),
                good.forwardMs(),
                good.recomputeMs(),
                good.backwardMs(),
                good.allreduceMs(),
                good.allreduceExposedMs(),
                good.allreduceBusbwGbps(),
                good.clipMs(),
                good.optimizerMs(),
                good.checkpointMs(),
                good.memoryBytes(),
                good.worldSize(),
                good.generation());
    }
}
