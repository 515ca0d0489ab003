package tutti.deploy.agent;

import tutti.common.config.RunConfig;

/** A check that refuses a run before anything is started or deleted. */
@FunctionalInterface
public interface Preflight {

    /** @throws tutti.common.error.TuttiException whose message is all that the user sees */
    void check(RunConfig config);
}
