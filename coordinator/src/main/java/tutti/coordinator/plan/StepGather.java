package tutti.coordinator.plan;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import tutti.common.metrics.StepMetrics;
import tutti.common.protocol.WorkerReport.StepDone;
import tutti.common.protocol.WorkerReport.StepTimes;

/** Collects the reports of one step from all ranks and makes one line of them. */
public final class StepGather {
    private final int worldSize;
    private final RunPlan plan;
    private final Map<Long, TreeMap<Integer, StepDone>> open = new HashMap<>();

    public StepGather(int worldSize, RunPlan plan) {
        this.worldSize = worldSize;
        this.plan = plan;
    }

    /** The whole step, when this report was its last one. */
    public Optional<StepMetrics> add(StepDone report) {
        TreeMap<Integer, StepDone> ranks = open.computeIfAbsent(report.step(), step -> new TreeMap<>());
        ranks.put(report.rank(), report);
        if (ranks.size() < worldSize) {
            return Optional.empty();
        }
        open.remove(report.step());
        return Optional.of(sum(report.step(), ranks));
    }

    /** A rank was lost: steps below {@code completed} stand, whose last reports will not come; later ones are trained again. */
    public List<StepMetrics> close(long completed) {
        List<StepMetrics> stand = new ArrayList<>();
        new TreeMap<>(open).headMap(completed).forEach((step, ranks) -> stand.add(sum(step, ranks)));
        open.clear();
        return stand;
    }

    private StepMetrics sum(long step, TreeMap<Integer, StepDone> ranks) {
        long tokens = 0;
        long memory = 0;
        double busBytes = 0;
        double busMillis = 0;
        StepDone slowest = ranks.firstEntry().getValue();
        for (StepDone rank : ranks.values()) {
            tokens += rank.tokens();
            memory = Math.max(memory, rank.memoryBytes());
            busBytes += rank.wire().busBytes();
            busMillis += rank.wire().busMillis();
            slowest = rank.times().total() > slowest.times().total() ? rank : slowest;
        }
        StepTimes times = slowest.times();
        return new StepMetrics(
                step + 1,
                plan.epochAfter(step + 1),
                slowest.lossSum() / slowest.labelledTokens(),
                slowest.learningRate(),
                slowest.gradNorm(),
                slowest.labelledTokens(),
                tokens / (times.total() / 1e3),
                times.total(),
                times.data(),
                times.forward(),
                times.recompute(),
                times.backward(),
                slowest.wire().millis(),
                times.exposed(),
                busMillis == 0 ? 0 : busBytes / busMillis / 1e6,
                times.clip(),
                times.optimizer(),
                times.checkpoint(),
                memory,
                worldSize,
                slowest.generation());
    }
}
