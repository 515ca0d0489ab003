package tutti.common.config;

import static tutti.common.error.TuttiException.require;

/**
 * AdamW, its learning rate over time, and clipping.
 *
 * @param warmupRatio share of all steps; used when {@code warmupSteps} is 0
 * @param maxGradNorm 0 means no clipping
 * @param zero stage of sharding over the workers: 0 nothing, 1 the optimizer state, 2 gradients too
 */
public record OptimConfig(
        double learningRate,
        LrSchedule schedule,
        double warmupRatio,
        long warmupSteps,
        double weightDecay,
        double beta1,
        double beta2,
        double epsilon,
        double maxGradNorm,
        int zero) {

    public OptimConfig {
        double end = schedule.option("lr_end").orElse(0);
        require(
                end == 0 || end < learningRate,
                "--lr_scheduler_kwargs: lr_end=%s: below --learning_rate=%s",
                end,
                learningRate);
        require(learningRate >= 0, "--learning_rate=%s: not below 0", learningRate);
        require(warmupRatio >= 0 && warmupRatio <= 1, "--warmup_ratio=%s: 0 to 1", warmupRatio);
        require(warmupSteps >= 0, "--warmup_steps=%d: not below 0", warmupSteps);
        require(weightDecay >= 0, "--weight_decay=%s: not below 0", weightDecay);
        require(beta1 >= 0 && beta1 < 1, "--adam_beta1=%s: at least 0 and below 1", beta1);
        require(beta2 >= 0 && beta2 < 1, "--adam_beta2=%s: at least 0 and below 1", beta2);
        require(epsilon > 0, "--adam_epsilon=%s: more than 0", epsilon);
        require(maxGradNorm >= 0, "--max_grad_norm=%s: not below 0; 0 means no clipping", maxGradNorm);
        require(zero >= 0 && zero <= 2, "--zero=%d: 0, 1 or 2; weights are not sharded", zero);
    }

    /** Steps with a rising learning rate; a ratio is rounded up, as transformers does. */
    public long warmup(long totalSteps) {
        return warmupSteps > 0 ? warmupSteps : (long) Math.ceil(totalSteps * warmupRatio);
    }

    static OptimConfig read(Settings settings) {
        return new OptimConfig(
                settings.number(Keys.LEARNING_RATE),
                LrSchedule.read(settings),
                settings.number(Keys.WARMUP_RATIO),
                settings.integer(Keys.WARMUP_STEPS),
                settings.number(Keys.WEIGHT_DECAY),
                settings.number(Keys.ADAM_BETA1),
                settings.number(Keys.ADAM_BETA2),
                settings.number(Keys.ADAM_EPSILON),
                settings.number(Keys.MAX_GRAD_NORM),
                settings.int32(Keys.ZERO));
    }
}
