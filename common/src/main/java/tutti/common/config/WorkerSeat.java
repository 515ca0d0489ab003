package tutti.common.config;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Who a worker process is. The agent writes it into the worker's environment under torchrun's names; nothing else tells a
 * worker its place.
 *
 * @param rank 0 to worldSize - 1 over all nodes
 * @param localRank number among the workers of this node
 * @param masterAddr where the coordinator listens
 * @param runId 16 hex digits, or {@link #RUN_NOT_KNOWN} away from the first node
 * @param aeronDir folder of the node's media driver, which the agent owns and deletes
 * @param threads compute threads of this process
 */
public record WorkerSeat(
        int rank,
        int localRank,
        int nodeRank,
        int worldSize,
        String masterAddr,
        int masterPort,
        String runId,
        Path aeronDir,
        int threads) {
    /** The agent of node 0 draws the run id; workers of other nodes learn it from the coordinator with their rank. */
    public static final String RUN_NOT_KNOWN = "0";

    /** @throws tutti.common.error.TuttiException (user) naming the variable that is missing or wrong */
    public static WorkerSeat fromEnvironment(Map<String, String> environment) {
        SeatReader seat = new SeatReader("worker", environment);
        int worldSize = seat.integer(SeatReader.WORLD_SIZE, 1, LaunchConfig.MAX_WORKERS);
        return new WorkerSeat(
                seat.integer(SeatReader.RANK, 0, worldSize - 1),
                seat.integer(SeatReader.LOCAL_RANK, 0, worldSize - 1),
                seat.integer(SeatReader.NODE_RANK, 0, worldSize - 1),
                worldSize,
                seat.text(SeatReader.MASTER_ADDR),
                seat.integer(SeatReader.MASTER_PORT, 1, 65535),
                seat.text(SeatReader.RUN_ID),
                Path.of(seat.text(SeatReader.AERON_DIR)),
                seat.integer(SeatReader.THREADS, 1, 1 << 16));
    }

    /** What {@link #fromEnvironment} reads back as an equal seat. */
    public Map<String, String> environment() {
        Map<String, String> variables = new LinkedHashMap<>();
        variables.put(SeatReader.RANK, Integer.toString(rank));
        variables.put(SeatReader.LOCAL_RANK, Integer.toString(localRank));
        variables.put(SeatReader.NODE_RANK, Integer.toString(nodeRank));
        variables.put(SeatReader.WORLD_SIZE, Integer.toString(worldSize));
        variables.put(SeatReader.MASTER_ADDR, masterAddr);
        variables.put(SeatReader.MASTER_PORT, Integer.toString(masterPort));
        variables.put(SeatReader.RUN_ID, runId);
        variables.put(SeatReader.AERON_DIR, aeronDir.toString());
        variables.put(SeatReader.THREADS, Integer.toString(threads));
        return variables;
    }
}
