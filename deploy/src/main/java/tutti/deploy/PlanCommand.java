package tutti.deploy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintStream;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import tutti.common.config.GradientCheckpointing;
import tutti.common.config.GradientCheckpointing.Policy;
import tutti.common.config.PlanConfig;
import tutti.common.config.Settings;
import tutti.worker.model.BlockPolicy;
import tutti.worker.model.LlamaConfig;
import tutti.worker.tensor.MemoryUse;

/**
 * {@code tutti plan}: the memory of a run before it is started, for the flags of {@code tutti run}. Opens {@code config.json} only.
 *
 * @param err gets what the flags without effect are answered
 * @param available bytes that this node's workers may take together
 */
record PlanCommand(PrintStream out, PrintStream err, LongSupplier available) {

    int run(Settings settings, boolean json) {
        PlanConfig run = PlanConfig.read(settings);
        // Not among the output, which may be JSON.
        settings.answers().forEach(answer -> err.println("tutti: note: " + answer));
        LlamaConfig model = LlamaConfig.readFolderOrFile(run.model().folder());
        NodePlan plan = NodePlan.of(run, model);
        Map<Policy, NodePlan> others = new EnumMap<>(Policy.class);
        for (Policy policy : Policy.values()) {
            if (policy != Policy.BUDGET && policy != run.train().checkpointing().policy()) {
                others.put(policy, NodePlan.of(run.with(run.train().with(GradientCheckpointing.of(policy))), model));
            }
        }
        long free = available.getAsLong();
        if (json) {
            printJson(run, plan, others, free);
        } else {
            print(run, model, plan, others, free);
        }
        return 0;
    }

    private void print(PlanConfig run, LlamaConfig model, NodePlan plan, Map<Policy, NodePlan> others, long free) {
        Policy policy = run.train().checkpointing().policy();
        line(
                "%d workers a node, batch %d, %d tokens, %s, gradient checkpointing %s%s",
                plan.workers(),
                run.train().batchSize(),
                plan.longest(),
                run.train().bf16() ? "bf16" : "float32",
                policy.word(),
                policy == Policy.BUDGET ? " (%s)".formatted(blocks(plan)) : "");
        line("%n%-28s %14s", "", "a worker");
        for (MemoryUse use : MemoryUse.values()) {
            row(use.label(), plan.worker().bytes().get(use));
        }
        row("planned peak", plan.worker().total());
        row("a node, logs counted once", plan.bytes());
        line("%nwith another --gradient_checkpointing");
        others.forEach((other, its) -> row(other.word(), its.worker().total()));
        line(
                "%n%s: with %s each for JVM and backend a node needs %s, this one has %s",
                plan.withBase() <= free ? "fits" : "DOES NOT FIT",
                MemoryPreflight.mib(NodePlan.BASE_BYTES),
                MemoryPreflight.mib(plan.withBase()),
                MemoryPreflight.mib(free));
        if (plan.withBase() > free) {
            SmallestChange.of(run, other -> NodePlan.of(other, model).withBase() <= free)
                    .ifPresent(change -> line("it would fit with %s", change.flags()));
        }
    }

    private void printJson(PlanConfig run, NodePlan plan, Map<Policy, NodePlan> others, long free) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put(
                "gradient_checkpointing", run.train().checkpointing().policy().word());
        fields.put("blocks", plan.worker().blocks());
        fields.put("workers_per_node", plan.workers());
        fields.put("tokens_per_sample", plan.longest());
        plan.worker()
                .bytes()
                .forEach((use, bytes) -> fields.put(use.name().toLowerCase(Locale.ROOT) + "_bytes", bytes));
        fields.put("planned_peak_bytes", plan.worker().total());
        fields.put("node_bytes", plan.bytes());
        Map<String, Long> totals = new TreeMap<>();
        others.forEach((other, its) -> totals.put(other.word(), its.worker().total()));
        fields.put("other_policies_planned_peak_bytes", totals);
        fields.put("base_bytes_per_worker", NodePlan.BASE_BYTES);
        fields.put("available_bytes", free);
        fields.put("fits", plan.withBase() <= free);
        try {
            out.println(new ObjectMapper().writeValueAsString(fields));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    /** {@code 2 none, 4 selective}. */
    private static String blocks(NodePlan plan) {
        return plan.worker().blocks().stream()
                .collect(Collectors.groupingBy(block -> block, TreeMap::new, Collectors.counting()))
                .descendingMap()
                .entrySet()
                .stream()
                .map(kind -> kind.getValue() + " " + word(kind.getKey()))
                .collect(Collectors.joining(", "));
    }

    private static String word(BlockPolicy policy) {
        return policy.name().toLowerCase(Locale.ROOT);
    }

    private void row(String label, long bytes) {
        line("  %-26s %,10.1f MiB", label, bytes / (double) (1 << 20));
    }

    private void line(String format, Object... args) {
        out.println(String.format(Locale.ROOT, format, args));
    }
}
