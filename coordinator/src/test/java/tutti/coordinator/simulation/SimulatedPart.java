package tutti.coordinator.simulation;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.function.Consumer;
import tutti.common.checkpoint.Checkpoints;
import tutti.common.checkpoint.CommitDir;
import tutti.common.checkpoint.FileDigest;
import tutti.common.protocol.WorkerCommand.Assign;
import tutti.common.protocol.WorkerReport;
import tutti.common.protocol.WorkerReport.WrittenFile;

/** One rank's part of a checkpoint, a real file: torn first, whole later, on a disk that may be slow or full. */
final class SimulatedPart {
    private static final String TORN = "torn";

    private final SimulatedCluster cluster;
    private final int rank;
    private final int generation;
    private final Consumer<WorkerReport> coordinator;
    private final long step;
    private final byte[] content;
    private FileChannel file;
    private boolean ended;

    /** What a checkpoint holds. */
    record State(long step, long state) {}

    private SimulatedPart(SimulatedCluster cluster, Assign assign, State state, Consumer<WorkerReport> coordinator) {
        this.cluster = cluster;
        this.rank = assign.rank();
        this.generation = assign.generation();
        this.coordinator = coordinator;
        this.step = state.step();
        this.content = (state.step() + " " + state.state() + "\n").getBytes(StandardCharsets.UTF_8);
    }

    /** @param coordinator of the generation in which it begins: none other hears of it */
    static SimulatedPart begin(
            SimulatedCluster cluster,
            SimulatedWorker worker,
            Assign assign,
            long step,
            long state,
            Consumer<WorkerReport> coordinator) {
        SimulatedPart part = new SimulatedPart(cluster, assign, new State(step, state), coordinator);
        Schedule schedule = cluster.schedule();
        long whole = schedule.chance(0.1) ? schedule.between(1000, 8000) : schedule.between(5, 300);
        worker.later(schedule.between(0, 50), part::open);
        worker.later(50 + whole, part::seal);
        return part;
    }

    private void open() {
        if (ended) {
            return;
        }
        Path folder = CommitDir.partial(cluster.output(), Checkpoints.name(step));
        try {
            file = FileChannel.open(folder.resolve(name(rank)), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            file.truncate(0);
            file.write(ByteBuffer.wrap(TORN.getBytes(StandardCharsets.UTF_8)));
        } catch (IOException e) {
            fail("cannot be opened");
        }
    }

    private void seal() {
        if (ended) {
            return;
        }
        if (cluster.schedule().chance(cluster.settings().fullDisk())) {
            fail("No space left on device");
            return;
        }
        try (FileChannel whole = file) {
            whole.write(ByteBuffer.wrap(content), 0);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        ended = true;
        WrittenFile written = new WrittenFile(
                name(rank), content.length, FileDigest.of(content).sha256());
        coordinator.accept(new WorkerReport.PartWritten(rank, generation, step, List.of(written)));
    }

    private void fail(String why) {
        close();
        ended = true;
        coordinator.accept(new WorkerReport.PartFailed(rank, generation, step, why));
    }

    private static String name(int rank) {
        return "part-" + rank;
    }

    boolean ended() {
        return ended;
    }

    void abandon() {
        if (!ended) {
            fail("abandoned");
        }
    }

    private void close() {
        try {
            if (file != null) {
                file.close();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Of a committed checkpoint: all parts must be whole and of one state. */
    static State read(String folder) {
        State first = read(folder, 0);
        for (int rank = 1; Files.exists(Path.of(folder).resolve(name(rank))); rank++) {
            State other = read(folder, rank);
            Invariants.require(other.equals(first), "%s: parts of %s and of %s", folder, first, other);
        }
        return first;
    }

    private static State read(String folder, int rank) {
        Path file = Path.of(folder).resolve(name(rank));
        try {
            String text = Files.readString(file);
            Invariants.require(text.endsWith("\n"), "%s is torn: %s", file, text);
            String[] words = text.strip().split(" ");
            return new State(Long.parseLong(words[0]), Long.parseLong(words[1]));
        } catch (IOException e) {
            throw new AssertionError(file + " cannot be read: " + e, e);
        }
    }
}
