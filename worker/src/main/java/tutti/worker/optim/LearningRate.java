package tutti.worker.optim;

import tutti.common.config.LrSchedule;
import tutti.common.config.LrSchedule.Shape;
import tutti.common.config.OptimConfig;

/** The learning rate before each step, as transformers' {@code get_scheduler} computes it. */
public record LearningRate(OptimConfig config, long totalSteps) {
    /** Of transformers, where a schedule's options say nothing else. */
    private static final double HALF_A_WAVE = 0.5;

    private static final double POLYNOMIAL_END = 1e-7;
    private static final double INVERSE_SQRT_TIMESCALE = 10_000;

    /** @param step from 0 */
    public double at(long step) {
        // Without a rate there are no shares of it.
        return config.learningRate() == 0 ? 0 : config.learningRate() * factor(step);
    }

    private double factor(long step) {
        long warmup = shape() == Shape.CONSTANT ? 0 : config.warmup(totalSteps);
        if (step < warmup) {
            return rising(step, warmup);
        }
        double progress = (double) (step - warmup) / Math.max(1, totalSteps - warmup);
        return switch (shape()) {
            case LINEAR -> Math.max(0, 1 - progress);
            case COSINE -> cosine(progress, 0);
            case COSINE_WITH_RESTARTS ->
                progress >= 1 ? 0 : Math.max(0, wave((option("num_cycles", 1) * progress) % 1.0));
            case POLYNOMIAL -> polynomial(step, warmup);
            case CONSTANT, CONSTANT_WITH_WARMUP -> 1;
            case INVERSE_SQRT -> inverseSqrt(step, warmup);
            case COSINE_WITH_MIN_LR -> cosine(progress, least());
            case COSINE_WARMUP_WITH_MIN_LR ->
                cosine((step - warmup + 1.0) / Math.max(1.0, totalSteps - warmup), least());
            case WARMUP_STABLE_DECAY -> stableThenDecay(step);
        };
    }

    /** Some begin at 0, one at a rate of its own or a step further. */
    private double rising(long step, long warmup) {
        if (shape() == Shape.WARMUP_STABLE_DECAY) {
            return above(option("min_lr_ratio", 0), (double) step / warmup);
        }
        if (shape() != Shape.COSINE_WARMUP_WITH_MIN_LR) {
            return (double) step / warmup;
        }
        double first = option("warmup_lr_rate", -1);
        return first < 0 ? (step + 1.0) / warmup : first + (1 - first) * step / Math.max(1, warmup - 1);
    }

    private double cosine(double progress, double least) {
        return Math.max(0, above(least, wave(option("num_cycles", HALF_A_WAVE) * 2 * progress)));
    }

    /** From 1 to 0 as x goes from 0 to 1. */
    private static double wave(double x) {
        return 0.5 * (1 + Math.cos(Math.PI * x));
    }

    private static double above(double least, double factor) {
        return factor * (1 - least) + least;
    }

    private double polynomial(long step, long warmup) {
        double end = option("lr_end", POLYNOMIAL_END);
        if (step > totalSteps) {
            return end / config.learningRate();
        }
        double left = 1 - (double) (step - warmup) / Math.max(1, totalSteps - warmup);
        double rate = (config.learningRate() - end) * Math.pow(left, option("power", 1)) + end;
        return rate / config.learningRate();
    }

    private double inverseSqrt(long step, long warmup) {
        double timescale = option("timescale", warmup > 0 ? warmup : INVERSE_SQRT_TIMESCALE);
        return 1 / Math.sqrt((step + timescale - warmup) / timescale);
    }

    private double stableThenDecay(long step) {
        double least = option("min_lr_ratio", 0);
        double decay = option("num_decay_steps", 0);
        double begins = totalSteps - decay;
        if (step < begins) {
            return 1;
        }
        return step < totalSteps ? cosine((step - begins) / Math.max(1, decay), least) : least;
    }

    /** As a share of the highest rate. */
    private double least() {
        return config.schedule().option("min_lr").isPresent()
                ? option("min_lr", 0) / config.learningRate()
                : option("min_lr_rate", 0);
    }

    private double option(String name, double fallback) {
        return config.schedule().option(name).orElse(fallback);
    }

    private Shape shape() {
        LrSchedule schedule = config.schedule();
        return schedule.shape();
    }
}
