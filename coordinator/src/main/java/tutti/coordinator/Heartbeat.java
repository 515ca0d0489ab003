package tutti.coordinator;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.InstantSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tutti.common.metrics.StepMetrics;
import tutti.coordinator.run.RunStatus;
import tutti.coordinator.run.StatusBoard;

/** Touches a file whenever the run moves: the agent takes a coordinator that stops touching it for hung, and starts the next one. */
record Heartbeat(Path file, InstantSource clock) implements StatusBoard.Listener {
    private static final Logger LOG = LoggerFactory.getLogger(Heartbeat.class);

    @Override
    public void onBeat() {
        try {
            if (!Files.exists(file)) {
                Files.createFile(file);
            }
            Files.setLastModifiedTime(file, FileTime.from(clock.instant()));
        } catch (IOException e) {
            // The agent's folder goes with the agent, and this process with it.
            LOG.warn("{}: cannot be touched: {}", file, e.toString());
        }
    }

    @Override
    public void onStatus(RunStatus status) {}

    @Override
    public void onStep(StepMetrics step) {}
}
