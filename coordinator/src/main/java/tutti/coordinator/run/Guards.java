package tutti.coordinator.run;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import tutti.common.config.GuardConfig;
import tutti.common.config.GuardConfig.OnNonfinite;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.common.metrics.StepMetrics;
import tutti.common.protocol.WorkerReport.Nonfinite;
import tutti.common.protocol.WorkerReport.StepDone;
import tutti.coordinator.ledger.RunLedger;
import tutti.coordinator.plan.Member;

/** Watches a run's numbers, over all its generations: losses that jump, gradients that are not finite, ranks that are slow. */
final class Guards {
    /** So many in a run are no bad samples. */
    private static final int MOST_ROLLBACKS = 10;

    private final GuardConfig config;
    private final RunLedger ledger;
    private final Announcer announcer;
    private final LossSpikes spikes;
    private List<Member> members = List.of();
    private Stragglers stragglers = new Stragglers(0);
    private int rollbacks;
    /** Steps whose losses were looked at, and the last that was left out. */
    private long watched;

    private long leftOut;

    /** @param rollbacks under coordinators before this one */
    Guards(GuardConfig config, int rollbacks, RunLedger ledger, Announcer announcer) {
        this.config = config;
        this.rollbacks = rollbacks;
        this.ledger = ledger;
        this.announcer = announcer;
        this.spikes = new LossSpikes(config.lossSpikeZscore());
    }

    /** A generation of these begins. */
    void begin(List<Member> ranks) {
        members = ranks;
        stragglers = new Stragglers(ranks.size());
    }

    /** One rank's report of a step. */
    void watch(StepDone done) {
        // Of a step that is left out all ranks say so.
        if (!done.leftOut().isEmpty() && done.step() + 1 > leftOut) {
            leftOut = done.step() + 1;
            happened(
                    "step_left_out",
                    Map.of("step", leftOut, "reason", done.leftOut()),
                    "warning: step %,d is left out: its %s".formatted(leftOut, done.leftOut()));
        }
        if (done.rank() < members.size()) {
            stragglers
                    .add(done.rank(), done.times().compute())
                    .forEach(slow -> happened(
                            "straggler_found",
                            Map.of(
                                    "member",
                                    members.get(slow.rank()).describe(),
                                    "compute_ms",
                                    slow.millis(),
                                    "others_ms",
                                    slow.others()),
                            "warning: " + slow.describe()));
        }
    }

    /** A whole step; one that is trained again was seen. */
    void watch(StepMetrics metrics) {
        if (metrics.step() > watched) {
            watched = metrics.step();
            spikes.add(metrics.loss())
                    .ifPresent(spike -> happened(
                            "loss_spiked",
                            Map.of("step", metrics.step(), "loss", metrics.loss(), "zscore", spike.zscore()),
                            "warning: step %,d: %s".formatted(metrics.step(), spike.describe())));
        }
    }

    /**
     * @param leaving whether the run is about to end anyway
     * @return why the run ends; empty: it is to be rolled back
     */
    Optional<TuttiException> against(Nonfinite found, boolean leaving) {
        boolean back = config.onNonfinite() == OnNonfinite.ROLLBACK && !leaving;
        if (!back || rollbacks == MOST_ROLLBACKS) {
            return Optional.of(new TuttiException(
                    Category.NUMERIC,
                    "step %d%s: %s; lower --learning_rate or look at the step's samples; %s"
                            .formatted(
                                    found.step() + 1,
                                    back ? ", after %d rollbacks".formatted(rollbacks) : "",
                                    found.message(),
                                    "--on_nonfinite skip leaves such steps out")));
        }
        rollbacks++;
        happened(
                "rolled_back",
                Map.of("generation", found.generation(), "step", found.step() + 1, "reason", found.message()),
                "warning: step %,d: %s; back to the last checkpoint, or to the start, without the samples since then"
                        .formatted(found.step() + 1, found.message()));
        return Optional.empty();
    }

    private void happened(String event, Map<String, ?> details, String line) {
        ledger.happened(event, details);
        announcer.note(line);
    }
}
