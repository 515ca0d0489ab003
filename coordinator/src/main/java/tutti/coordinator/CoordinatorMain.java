package tutti.coordinator;

import tutti.common.config.CoordinatorSeat;
import tutti.common.config.RunConfig;
import tutti.common.config.Settings;
import tutti.common.error.TuttiException;

/** Placeholder with the signature that the launcher calls. */
public final class CoordinatorMain {
    private CoordinatorMain() {}

    /** @return the process exit code */
    public static int run(RunConfig config, Settings settings, CoordinatorSeat seat) {
        throw TuttiException.bug("coordinator %s:%d: not built yet", seat.host(), seat.port());
    }
}
