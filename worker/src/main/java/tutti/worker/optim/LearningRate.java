package tutti.worker.optim;

import tutti.common.config.OptimConfig;

/** The learning rate before each step, as transformers' {@code get_scheduler} computes it. */
public record LearningRate(OptimConfig config, long totalSteps) {

    /** @param step from 0 */
    public double at(long step) {
        return config.learningRate() * factor(step);
    }

    private double factor(long step) {
        long warmup = config.schedule() == OptimConfig.Schedule.CONSTANT ? 0 : config.warmup(totalSteps);
        if (step < warmup) {
            return (double) step / Math.max(1, warmup);
        }
        double progress = (double) (step - warmup) / Math.max(1, totalSteps - warmup);
        return switch (config.schedule()) {
            case LINEAR -> Math.max(0, 1 - progress);
            case COSINE -> Math.max(0, 0.5 * (1 + Math.cos(Math.PI * progress)));
            case CONSTANT, CONSTANT_WITH_WARMUP -> 1;
        };
    }
}
