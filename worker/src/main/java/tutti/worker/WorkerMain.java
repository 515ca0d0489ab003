package tutti.worker;

import tutti.common.config.RunConfig;
import tutti.common.config.WorkerSeat;
import tutti.common.error.TuttiException;

/** Placeholder with the signature that the launcher calls. */
public final class WorkerMain {
    private WorkerMain() {}

    /** @return the process exit code */
    public static int run(RunConfig config, WorkerSeat seat) {
        throw TuttiException.bug("worker rank %d: not built yet", seat.rank());
    }
}
