package tutti.worker.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.InputStream;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tutti.common.checkpoint.FileDigest;
import tutti.common.config.LrSchedule;
import tutti.common.config.OptimConfig;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.common.protocol.WorkerReport.WrittenFile;
import tutti.worker.allreduce.Group;
import tutti.worker.allreduce.InMemoryNetwork;
import tutti.worker.allreduce.PlainAddition;
import tutti.worker.allreduce.TreeAllReduce;
import tutti.worker.gradient.BucketPlan;
import tutti.worker.model.LlamaConfig;
import tutti.worker.model.ParameterSpec;
import tutti.worker.optim.AdamW;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Device;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.torch.TorchKernels;
import tutti.worker.tune.FlatLayout;
import tutti.worker.tune.GradientLayout;
import tutti.worker.tune.Replica;

/** Parts of checkpoints beside a training thread, on disks that are slow, full or gone. */
@Timeout(60)
class PartWriterTest {
    private static final LlamaConfig MODEL = new LlamaConfig(32, 64, 2, 2, 2, 16, 64, 16, 1e-5, 1e4, true, 0.2);
    private static final TrainerState STATE = new TrainerState(7, 6, 20, 0.5, 42, 100, 8, 1, 1, 1, "ab");

    @TempDir
    Path temp;

    private final List<AutoCloseable> open = new ArrayList<>();

    @BeforeEach
    void makeAModel() throws Exception {
        Files.writeString(temp.resolve("config.json"), "{}");
    }

    @AfterEach
    void close() throws Exception {
        for (int i = open.size() - 1; i >= 0; i--) {
            open.get(i).close();
        }
    }

    @Test
    void shouldWriteTheWeightsAsTheyWereWhenItBeganAndNameTheirHashes() throws Exception {
        Rank rank = new Rank(0, new InMemoryNetwork(1), 1, DType.F32, false);
        Path folder = Files.createDirectory(temp.resolve("part"));
        String hash = rank.files.weightsHash();
        rank.writer.begin(folder, STATE, rank);
        rank.writer.awaitRead();
        rank.kernels.fill(rank.replica.master(0, rank.replica.layout().size()), 7);
        rank.writer.awaitDone();

        assertThat(rank.failures).isEmpty();
        assertThat(rank.files.weightsHash()).isNotEqualTo(hash);
        assertThat(rank.written)
                .extracting(WrittenFile::name)
                .containsExactlyInAnyOrder(
                        "config.json",
                        "trainer_state.json",
                        "model.safetensors",
                        "optimizer-00001-of-00001.safetensors");
        for (WrittenFile file : rank.written) {
            assertThat(FileDigest.of(folder.resolve(file.name())))
                    .isEqualTo(new FileDigest(file.bytes(), file.sha256()));
        }
        assertThat(TrainerState.read(folder)).isEqualTo(STATE);
        WeightLoader.load(folder, MODEL, rank.replica);
        assertThat(rank.files.weightsHash()).isEqualTo(hash);
    }

    /** A pipe takes bytes when somebody reads them: a disk as slow as the test wants it. */
    @Test
    void shouldReturnAtOnceAndHoldTheUpdateUntilASlowDiskHasTakenTheWeights() throws Exception {
        Rank rank = new Rank(0, new InMemoryNetwork(1), 1, DType.F32, false);
        Path folder = Files.createDirectory(temp.resolve("part"));
        Path pipe = folder.resolve("model.safetensors");
        assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor())
                .isZero();

        // Opened for both, so that nobody waits for the other to open it.
        try (RandomAccessFile disk = new RandomAccessFile(pipe.toFile(), "rw")) {
            rank.writer.begin(folder, STATE, rank);
            CompletableFuture<Void> update = CompletableFuture.runAsync(rank.writer::awaitRead, rank::onAThread);
            byte[] length = new byte[8];
            disk.readFully(length);
            assertThat(update)
                    .as("most of the weights are still in memory alone")
                    .isNotDone();
            long header = ByteBuffer.wrap(length).order(ByteOrder.LITTLE_ENDIAN).getLong();
            disk.readFully(
                    new byte[(int) header + 4 * (int) rank.replica.layout().parameters()]);
            update.get(30, TimeUnit.SECONDS);
            rank.writer.awaitDone();
        }
        assertThat(rank.failures).as("a pipe cannot be forced to a disk").hasSize(1);
    }

    /** By files that the kernel itself refuses to fill: one that is always full, one whose first page nobody can write. */
    @ParameterizedTest
    @CsvSource({"/dev/full, No space left", "/proc/self/mem, Input/output error"})
    void shouldSayHowTheDiskFailedAndWriteTheNextPart(Path bad, String why) throws Exception {
        Rank rank = new Rank(0, new InMemoryNetwork(1), 1, DType.F32, false);
        Path folder = Files.createDirectory(temp.resolve("part"));
        Files.createSymbolicLink(folder.resolve("optimizer-00001-of-00001.safetensors"), bad);
        rank.writer.begin(folder, STATE, rank);
        rank.writer.awaitRead();
        rank.writer.awaitDone();
        assertThat(rank.written).isEmpty();
        assertThat(rank.failures).hasSize(1);
        assertThat(rank.failures.get(0).category()).isEqualTo(Category.ENVIRONMENT);
        assertThat(rank.failures.get(0)).hasMessageContaining("optimizer-00001").hasMessageContaining(why);

        rank.writer.begin(Files.createDirectory(temp.resolve("next")), STATE, rank);
        rank.writer.awaitRead();
        rank.writer.awaitDone();
        assertThat(rank.failures).hasSize(1);
        assertThat(rank.written).hasSize(4);
    }

    /** The ranks gather the model for the one that cannot write it: they must not be left waiting. */
    @Test
    void shouldGatherShardedWeightsToTheEndWhenTheDiskOfTheFirstRankIsFull() throws Exception {
        InMemoryNetwork network = new InMemoryNetwork(2);
        List<Rank> ranks =
                List.of(new Rank(0, network, 2, DType.BF16, true), new Rank(1, network, 2, DType.BF16, true));
        Path full = full("full");
        Path next = Files.createDirectory(temp.resolve("next"));
        together(ranks, rank -> {
            assertThat(rank.replica.hasAllMasters()).isFalse();
            for (Path folder : List.of(full, next)) {
                rank.writer.begin(folder, STATE, rank);
                rank.writer.awaitRead();
            }
            rank.writer.awaitDone();
        });
        assertThat(ranks.get(0).failures).singleElement().asString().contains("No space left");
        assertThat(ranks.get(1).failures).isEmpty();
        assertThat(ranks.get(0).written).extracting(WrittenFile::name).contains("model.safetensors");
        String before = hash(ranks);
        together(ranks, rank -> WeightLoader.load(next, MODEL, rank.replica));
        assertThat(hash(ranks)).isEqualTo(before);
    }

    @Test
    void shouldFailAndLeaveNothingWhenTheFinalModelDoesNotFit() throws Exception {
        Rank rank = new Rank(0, new InMemoryNetwork(1), 1, DType.F32, false);
        Path folder = Files.createDirectory(temp.resolve("final"));
        Path partial = folder.resolve(".model.safetensors.partial");
        Files.createSymbolicLink(partial, Path.of("/dev/full"));
        assertThatThrownBy(() -> rank.files.writeFinal(folder))
                .isInstanceOfSatisfying(
                        TuttiException.class, e -> assertThat(e.category()).isEqualTo(Category.ENVIRONMENT))
                .hasMessageContaining("No space left");
        assertThat(Files.exists(partial, LinkOption.NOFOLLOW_LINKS)).isFalse();
        assertThat(folder.resolve("model.safetensors")).doesNotExist();
    }

    @Test
    void shouldReportAFaultOfOursAsOne() throws Exception {
        Rank rank = new Rank(0, new InMemoryNetwork(1), 1, DType.F32, false);
        rank.arena.close();
        rank.writer.begin(Files.createDirectory(temp.resolve("part")), STATE, rank);
        rank.writer.awaitRead();
        rank.writer.awaitDone();
        assertThat(rank.failures)
                .singleElement()
                .satisfies(e -> assertThat(e.category()).isEqualTo(Category.BUG));
    }

    @Test
    void shouldAbandonWhatIsBeingWrittenWhenItIsClosed() throws Exception {
        Rank rank = new Rank(0, new InMemoryNetwork(1), 1, DType.F32, false);
        Path folder = Files.createDirectory(temp.resolve("part"));
        Path pipe = folder.resolve("model.safetensors");
        assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor())
                .isZero();
        rank.writer.begin(folder, STATE, rank);
        try (InputStream disk = Files.newInputStream(pipe)) {
            assertThat(disk.read()).isNotNegative();
            rank.writer.close();
        }
        assertThat(rank.failures).hasSize(1);
        assertThat(rank.written).isEmpty();
    }

    /** A folder whose model goes to a device that the kernel calls full. */
    private Path full(String name) throws Exception {
        Path folder = Files.createDirectory(temp.resolve(name));
        Files.createSymbolicLink(folder.resolve("model.safetensors"), Path.of("/dev/full"));
        return folder;
    }

    private static String hash(List<Rank> ranks) throws Exception {
        List<String> hashes = new ArrayList<>();
        together(ranks, rank -> {
            String hash = rank.files.weightsHash();
            synchronized (hashes) {
                hashes.add(hash);
            }
        });
        assertThat(hashes).hasSize(ranks.size()).containsOnly(hashes.get(0));
        return hashes.get(0);
    }

    private interface Work {
        void run(Rank rank) throws Exception;
    }

    private static void together(List<Rank> ranks, Work work) throws Exception {
        CompletableFuture<?>[] all = ranks.stream()
                .map(rank -> CompletableFuture.runAsync(
                        () -> {
                            try {
                                work.run(rank);
                            } catch (Exception e) {
                                throw new IllegalStateException(e);
                            }
                        },
                        rank::onAThread))
                .toArray(CompletableFuture<?>[]::new);
        CompletableFuture.allOf(all).get(30, TimeUnit.SECONDS);
    }

    /** A rank with random weights, and what it heard of its parts. */
    private final class Rank implements PartWriter.Outcome {
        final Kernels kernels = new TorchKernels(Device.CPU, 1);
        final Arena arena = kernels.arena("rank", 16 << 20);
        final int rank;
        final Replica replica;
        final CheckpointWriter files;
        final PartWriter writer;
        final List<WrittenFile> written = new ArrayList<>();
        final List<TuttiException> failures = new ArrayList<>();

        Rank(int rank, InMemoryNetwork network, int ranks, DType compute, boolean sharded) {
            this.rank = rank;
            FlatLayout layout = new FlatLayout(ParameterSpec.of(MODEL));
            BucketPlan plan = new BucketPlan(layout, Float.BYTES, 16 << 10, ranks, sharded);
            replica = Replica.full(
                    kernels, layout, plan.shard(rank), GradientLayout.whole(layout), compute, arena, arena);
            OptimConfig optim = new OptimConfig(
                    1e-3, LrSchedule.of(LrSchedule.Shape.CONSTANT), 0, 0, 0, 0.9, 0.999, 1e-8, 1, sharded ? 1 : 0);
            AdamW optimizer = new AdamW(kernels, optim, replica, arena);
            WeightLoader.random(MODEL, replica, 42);
            List<String> hosts = Collections.nCopies(ranks, "thread");
            TreeAllReduce collectives = new TreeAllReduce(
                    network.link(rank),
                    new Group(1, 1, rank, hosts, Optional.empty()),
                    4096,
                    Duration.ofSeconds(20),
                    System::nanoTime,
                    stall -> {},
                    new PlainAddition());
            files = CheckpointWriter.of(temp, Optional.empty(), replica, optimizer, plan, collectives);
            writer = new PartWriter(files, collectives);
            open.addAll(List.of(kernels, arena, collectives, writer));
        }

        void onAThread(Runnable task) {
            new Thread(task, "rank-" + rank).start();
        }

        @Override
        public void written(List<WrittenFile> files) {
            written.addAll(files);
        }

        @Override
        public void failed(TuttiException cause) {
            failures.add(cause);
        }
    }
}
