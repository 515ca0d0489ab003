package tutti.common.config;

/** What the memory of a run depends on: all that {@code tutti plan} needs to be told. */
public record PlanConfig(
        LaunchConfig launch, ModelSource model, TrainConfig train, OptimConfig optim, AllReduceConfig allReduce) {

    public PlanConfig {
        train.requireHeldBy(launch.worldSize());
    }

    /** @throws tutti.common.error.TuttiException (user) naming the first key that is wrong */
    public static PlanConfig read(Settings settings) {
        return new PlanConfig(
                LaunchConfig.read(settings),
                ModelSource.read(settings),
                TrainConfig.read(settings),
                OptimConfig.read(settings),
                AllReduceConfig.read(settings));
    }

    public PlanConfig with(LaunchConfig other) {
        return new PlanConfig(other, model, train, optim, allReduce);
    }

    public PlanConfig with(ModelSource other) {
        return new PlanConfig(launch, other, train, optim, allReduce);
    }

    public PlanConfig with(TrainConfig other) {
        return new PlanConfig(launch, model, other, optim, allReduce);
    }
}
