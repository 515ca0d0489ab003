package tutti.deploy;

import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import tutti.common.config.GradientCheckpointing;
import tutti.common.config.GradientCheckpointing.Policy;
import tutti.common.config.PlanConfig;
import tutti.common.config.TrainConfig.Backend;

/**
 * One change of a run, in the order in which a user would rather make them: what costs time only, then what costs precision,
 * then context, then workers.
 *
 * @param flags to give instead
 */
record SmallestChange(String flags, PlanConfig run) {
    /** Shorter than this, a conversation is hardly one. */
    private static final int SHORTEST = 64;

    /** The first single change with which the run fits. */
    static Optional<SmallestChange> of(PlanConfig run, Predicate<PlanConfig> fits) {
        return Stream.of(policies(run), batches(run), bf16(run), lengths(run), workers(run))
                .flatMap(changes -> changes)
                .filter(change -> fits.test(change.run()))
                .findFirst();
    }

    private static Stream<SmallestChange> policies(PlanConfig run) {
        return Stream.of(Policy.SELECTIVE, Policy.FULL)
                .filter(policy -> policy != run.train().checkpointing().policy())
                .map(policy -> new SmallestChange(
                        "--gradient_checkpointing " + policy.word() + withoutBudget(run),
                        run.with(run.train().with(GradientCheckpointing.of(policy)))));
    }

    /** A budget goes with its own policy only. */
    private static String withoutBudget(PlanConfig run) {
        return run.train().checkpointing().policy() == Policy.BUDGET ? " --activation_memory_gb 0" : "";
    }

    /** The same global batch in more micro-batches. */
    private static Stream<SmallestChange> batches(PlanConfig run) {
        int batch = run.train().batchSize();
        return IntStream.rangeClosed(2, batch)
                .filter(parts -> batch % parts == 0)
                .mapToObj(parts -> run.train().cut(parts))
                .map(train -> new SmallestChange(
                        "--per_device_train_batch_size %d --gradient_accumulation_steps %d"
                                .formatted(train.batchSize(), train.accumulation()),
                        run.with(train)));
    }

    private static Stream<SmallestChange> bf16(PlanConfig run) {
        return run.train().bf16() || run.train().backend() == Backend.REFERENCE
                ? Stream.empty()
                : Stream.of(
                        new SmallestChange("--bf16 True", run.with(run.train().inBf16())));
    }

    private static Stream<SmallestChange> lengths(PlanConfig run) {
        return Stream.iterate(run.model().maxLength() / 2, length -> length >= SHORTEST, length -> length / 2)
                .map(length -> new SmallestChange(
                        "--model_max_length " + length, run.with(run.model().cutTo(length))));
    }

    private static Stream<SmallestChange> workers(PlanConfig run) {
        return Stream.iterate(run.launch().nprocPerNode() - 1, workers -> workers >= 1, workers -> workers - 1)
                .filter(workers -> run.train().canBeHeldBy(run.launch().with(workers)))
                .map(workers -> new SmallestChange(
                        "--nproc_per_node " + workers, run.with(run.launch().with(workers))));
    }
}
