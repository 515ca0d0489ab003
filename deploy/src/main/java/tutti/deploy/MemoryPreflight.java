package tutti.deploy;

import static tutti.common.error.TuttiException.environment;

import java.util.Optional;
import java.util.function.LongSupplier;
import tutti.common.config.PlanConfig;
import tutti.common.config.RunConfig;
import tutti.deploy.agent.Preflight;
import tutti.worker.model.LlamaConfig;

/**
 * Does the run fit into the memory of this node. Plans for samples as long as they may be: how long they are is known only when
 * all of them are read.
 *
 * @param available bytes that this node's workers may take together
 */
record MemoryPreflight(LongSupplier available) implements Preflight {

    @Override
    public void check(RunConfig config) {
        check(config.plan(), LlamaConfig.read(config.model().folder()));
    }

    /** @throws tutti.common.error.TuttiException (environment) with the numbers and the smallest change that would fit */
    void check(PlanConfig run, LlamaConfig model) {
        long free = available.getAsLong();
        NodePlan plan = NodePlan.of(run, model);
        if (plan.withBase() <= free) {
            return;
        }
        Optional<SmallestChange> change =
                SmallestChange.of(run, other -> NodePlan.of(other, model).withBase() <= free);
        throw environment(
                "too little memory: %d workers of %s and %s each for their JVM need %s, this node has %s"
                        + " (batch %d, %d tokens, gradient checkpointing %s); %s",
                plan.workers(),
                mib(plan.worker().total()),
                mib(NodePlan.BASE_BYTES),
                mib(plan.withBase()),
                mib(free),
                run.train().batchSize(),
                plan.longest(),
                run.train().checkpointing().policy().word(),
                change.map(one -> "it would fit with " + one.flags())
                        .orElse("no single change of a flag would make it fit: see tutti plan"));
    }

    static String mib(long bytes) {
        return "%,d MiB".formatted((bytes + (1 << 20) - 1) >> 20);
    }
}
