package tutti.common.config;

/** Everything the user asked for, read once and checked. */
public record RunConfig(
        LaunchConfig launch,
        ModelSource model,
        DataConfig data,
        TrainConfig train,
        OptimConfig optim,
        OutputConfig output,
        ConsoleConfig console,
        AllReduceConfig allReduce) {

    /** @throws tutti.common.error.TuttiException (user) naming the first key that is wrong */
    public static RunConfig read(Settings settings) {
        return new RunConfig(
                LaunchConfig.read(settings),
                ModelSource.read(settings),
                DataConfig.read(settings),
                TrainConfig.read(settings),
                OptimConfig.read(settings),
                OutputConfig.read(settings),
                ConsoleConfig.read(settings),
                AllReduceConfig.read(settings));
    }
}
