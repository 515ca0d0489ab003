package tutti.common.config;

/** What the memory of a run depends on: all that {@code tutti plan} needs to be told. */
public record PlanConfig(
        LaunchConfig launch,
        ModelSource model,
        TrainConfig train,
        OptimConfig optim,
        AllReduceConfig allReduce,
        EvalConfig eval) {

    public PlanConfig {
        train.requireHeldBy(launch);
        allReduce.requireGradientsOf(train.backend());
    }

    /** @throws tutti.common.error.TuttiException (user) naming the first key that is wrong */
    public static PlanConfig read(Settings settings) {
        LaunchConfig launch = LaunchConfig.read(settings);
        return new PlanConfig(
                launch,
                ModelSource.read(settings),
                TrainConfig.read(settings, launch),
                OptimConfig.read(settings),
                AllReduceConfig.read(settings),
                EvalConfig.read(settings));
    }

    /** Workers of the smallest generation that may train, of which each holds the most. */
    public int fewestWorkers() {
        return launch.elastic() ? train.mostHeldBy(launch.fewestWorkers()) : launch.worldSize();
    }

    /** Most sequences of one micro-batch of an evaluation, which uses the activations of a step. */
    public int evalBatchSize() {
        return Math.min(eval.batchSize(), train.batchSize());
    }

    public PlanConfig with(LaunchConfig other) {
        return new PlanConfig(other, model, train, optim, allReduce, eval);
    }

    public PlanConfig with(ModelSource other) {
        return new PlanConfig(launch, other, train, optim, allReduce, eval);
    }

    public PlanConfig with(TrainConfig other) {
        return new PlanConfig(launch, model, other, optim, allReduce, eval);
    }
}
