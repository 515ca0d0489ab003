package tutti.coordinator.run;

import com.fasterxml.jackson.annotation.JsonProperty;

/** The states of a run, in the order in which a run that meets no trouble passes through them. */
public enum RunState {
    /** Waiting for workers, or handing out ranks of a new generation. */
    @JsonProperty("forming")
    FORMING,
    /** Optimizer steps are being taken. */
    @JsonProperty("training")
    TRAINING,
    /** Between steps: a checkpoint or the final model is being written. */
    @JsonProperty("committing")
    COMMITTING,
    /** The final model is in the output folder. */
    @JsonProperty("done")
    DONE,
    /** Told to make room, and stopped behind a checkpoint; the status message says which. */
    @JsonProperty("preempted")
    PREEMPTED,
    /** Stopped for good; the status message says why. */
    @JsonProperty("failed")
    FAILED;

    /** Whether the group is formed and the run is making, or has made, its way: what a readiness probe asks. */
    public boolean ready() {
        return this == TRAINING || this == COMMITTING || this == DONE;
    }
}
