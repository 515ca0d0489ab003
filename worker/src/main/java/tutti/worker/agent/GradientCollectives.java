package tutti.worker.agent;

import static tutti.common.error.TuttiException.environment;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;
import tutti.common.config.TrainConfig.Backend;
import tutti.common.protocol.Peer;
import tutti.worker.allreduce.FlightRecorder;
import tutti.worker.allreduce.Group;
import tutti.worker.allreduce.SharedSegments;
import tutti.worker.allreduce.TreeAllReduce;
import tutti.worker.allreduce.aeron.AeronLink;
import tutti.worker.tensor.Addition;
import tutti.worker.train.Backends;

/** The collectives of one rank: in memory that it shares with the ranks of its node, and through Aeron, as {@link GradientMemory} says. */
public final class GradientCollectives {
    private GradientCollectives() {}

    /**
     * Joins the group; peers need not be there yet.
     *
     * @param aeronDir of the node's media driver, which must be running
     * @param address where this rank is reached
     * @param peers by rank, this one included
     * @param deadline longest time without progress
     * @param onStall as {@link TreeAllReduce} has it
     * @param recorder of this rank
     * @throws tutti.common.error.TuttiException (environment) if there is no driver, or no room in shared memory
     */
    public static TreeAllReduce open(
            Path aeronDir,
            Group group,
            GradientAddress address,
            List<Peer> peers,
            GradientMemory memory,
            Backend backend,
            Duration deadline,
            Consumer<String> onStall,
            FlightRecorder recorder) {
        int nodeRank = peers.get(group.rank()).nodeRank();
        AeronLink link = new AeronLink(
                aeronDir,
                group.generation(),
                group.rank(),
                address.listen(),
                address.channels(peers, nodeRank, memory.termBytes()));
        SharedSegments shared = null;
        try {
            Addition addition = Backends.addition(backend);
            Group neighbours = group.onNode(memory.topology());
            if (neighbours.worldSize() > 1) {
                shared = new SharedSegments(aeronDir, neighbours, memory.stripeBytes());
            }
            return new TreeAllReduce(
                    link,
                    group,
                    GradientMemory.CHUNK_BYTES,
                    deadline,
                    System::nanoTime,
                    onStall,
                    addition,
                    memory.topology(),
                    shared,
                    recorder);
        } catch (RuntimeException | Error e) {
            link.close();
            if (shared != null) {
                shared.close();
            }
            throw e;
        }
    }

    /** Bytes of the file system where logs and shared sums lie. */
    public static long sharedMemory(Path aeronDir) {
        try {
            return Files.getFileStore(aeronDir).getTotalSpace();
        } catch (IOException e) {
            throw environment("%s: the agent's media driver is not there: %s", aeronDir, e);
        }
    }
}
