package tutti.common.config;

import static tutti.common.error.TuttiException.require;

/** Everything the user asked for, read once and checked. */
public record RunConfig(
        LaunchConfig launch,
        ModelSource model,
        DataConfig data,
        BatchConfig batches,
        EncodingConfig encoding,
        CacheConfig cache,
        TrainConfig train,
        OptimConfig optim,
        OutputConfig output,
        LedgerConfig ledger,
        ConsoleConfig console,
        AllReduceConfig allReduce,
        GuardConfig guards,
        EvalConfig eval) {

    public RunConfig {
        train.requireHeldBy(launch);
        allReduce.requireGradientsOf(train.backend());
        eval.requireCheckpoints(output);
        require(
                (long) train.batchSize() * train.accumulation() * train.virtualRanks(launch.worldSize())
                        <= Integer.MAX_VALUE,
                "--per_device_train_batch_size=%d times --gradient_accumulation_steps=%d times %d virtual ranks: at most %d",
                train.batchSize(),
                train.accumulation(),
                train.virtualRanks(launch.worldSize()),
                Integer.MAX_VALUE);
    }

    public PlanConfig plan() {
        return new PlanConfig(launch, model, train, optim, allReduce, eval);
    }

    /** @throws tutti.common.error.TuttiException (user) naming the first key that is wrong */
    public static RunConfig read(Settings settings) {
        LaunchConfig launch = LaunchConfig.read(settings);
        DataConfig data = DataConfig.read(settings);
        return new RunConfig(
                launch,
                ModelSource.read(settings),
                data,
                BatchConfig.read(settings, data),
                EncodingConfig.read(settings),
                CacheConfig.read(settings),
                TrainConfig.read(settings, launch),
                OptimConfig.read(settings),
                OutputConfig.read(settings),
                LedgerConfig.read(settings),
                ConsoleConfig.read(settings),
                AllReduceConfig.read(settings),
                GuardConfig.read(settings),
                EvalConfig.read(settings));
    }
}
