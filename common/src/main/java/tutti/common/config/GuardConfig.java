package tutti.common.config;

import static tutti.common.error.TuttiException.require;

/**
 * What is watched while a run trains, and what follows.
 *
 * @param lossSpikeZscore standard deviations above the mean of the last losses from which on a loss is reported as a spike; 0: never
 */
public record GuardConfig(OnNonfinite onNonfinite, double lossSpikeZscore) {

    /** What follows where a gradient of a step is infinite or no number: on all ranks, before anything is updated. */
    public enum OnNonfinite {
        /** The run ends. */
        STOP,
        /** That step's update is left out. */
        SKIP,
        /** The state goes back to the last checkpoint, and the samples since then are left out, those of that step included. */
        ROLLBACK
    }

    public GuardConfig {
        require(lossSpikeZscore >= 0, "--loss_spike_zscore=%s: not below 0; 0 means no reports", lossSpikeZscore);
    }

    static GuardConfig read(Settings settings) {
        return new GuardConfig(
                settings.choice(Keys.ON_NONFINITE, OnNonfinite.class), settings.number(Keys.LOSS_SPIKE_ZSCORE));
    }
}
