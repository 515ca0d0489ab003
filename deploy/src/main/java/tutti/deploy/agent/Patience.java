package tutti.deploy.agent;

import java.time.Duration;

/**
 * How long the agent waits for children that should end.
 *
 * @param leave after the coordinator ended: for workers to leave by themselves; a worker that was released may take 17 s
 * @param lastWord after a worker was lost: for the coordinator to say why in its own words; after the coordinator was killed, or gave
 *     the run up for a worker that is lost or hangs: for those that are about to end anyway
 * @param term between SIGTERM and SIGKILL
 */
public record Patience(Duration leave, Duration lastWord, Duration term) {
    public static final Patience USUAL =
            new Patience(Duration.ofSeconds(30), Duration.ofSeconds(5), Duration.ofSeconds(5));
}
