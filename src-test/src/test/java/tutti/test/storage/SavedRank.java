package tutti.test.storage;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import tutti.common.checkpoint.Checkpoints;
import tutti.common.checkpoint.CommitDir;
import tutti.common.checkpoint.FileDigest;
import tutti.common.config.LrSchedule;
import tutti.common.config.OptimConfig;
import tutti.common.error.TuttiException;
import tutti.common.protocol.WorkerReport.WrittenFile;
import tutti.worker.allreduce.Group;
import tutti.worker.allreduce.InMemoryNetwork;
import tutti.worker.allreduce.PlainAddition;
import tutti.worker.allreduce.TreeAllReduce;
import tutti.worker.checkpoint.CheckpointWriter;
import tutti.worker.checkpoint.OptimizerShards;
import tutti.worker.checkpoint.PartWriter;
import tutti.worker.checkpoint.TrainerState;
import tutti.worker.checkpoint.WeightLoader;
import tutti.worker.gradient.BucketPlan;
import tutti.worker.model.LlamaConfig;
import tutti.worker.model.ParameterSpec;
import tutti.worker.optim.AdamW;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Device;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.Tensor;
import tutti.worker.tensor.torch.TorchKernels;
import tutti.worker.tune.FlatLayout;
import tutti.worker.tune.GradientLayout;
import tutti.worker.tune.Replica;
import tutti.worker.tune.ShardLayout;

/** The only rank of a run: it saves what it holds as worker and coordinator do, and reads what it saved. */
final class SavedRank implements AutoCloseable {
    private static final LlamaConfig MODEL = new LlamaConfig(32, 64, 1, 2, 2, 16, 64, 16, 1e-5, 1e4, true, 0.2);
    private static final OptimConfig OPTIM =
            new OptimConfig(1e-3, LrSchedule.of(LrSchedule.Shape.CONSTANT), 0, 0, 0, 0.9, 0.999, 1e-8, 1, 0);

    private final Kernels kernels = new TorchKernels(Device.CPU, 1);
    private final Arena arena = kernels.arena("rank", 16 << 20);
    private final Replica replica;
    private final AdamW optimizer;
    private final CheckpointWriter files;
    private final PartWriter writer;
    private final TreeAllReduce collectives;

    /** What a rank holds, in brief. */
    record Held(TrainerState state, String weights, String moments) {}

    /** @param source folder of the model that config and tokenizer come from */
    SavedRank(Path source) {
        FlatLayout layout = new FlatLayout(ParameterSpec.of(MODEL));
        BucketPlan plan = new BucketPlan(layout, Float.BYTES, 16 << 10, 1, false);
        replica = Replica.full(kernels, layout, plan.shard(0), GradientLayout.whole(layout), DType.F32, arena, arena);
        optimizer = new AdamW(kernels, OPTIM, replica, arena);
        collectives = new TreeAllReduce(
                new InMemoryNetwork(1).link(0),
                new Group(1, 1, 0, List.of("thread"), Optional.empty()),
                4096,
                Duration.ofSeconds(20),
                System::nanoTime,
                stall -> {},
                new PlainAddition());
        files = CheckpointWriter.of(source, Optional.empty(), replica, optimizer, plan, collectives);
        writer = new PartWriter(files, collectives);
    }

    /** Becomes what it would be after so many steps, if training were this. @param seed another one, other weights */
    Held train(long step, long seed) {
        WeightLoader.random(MODEL, replica, seed);
        moments().forEach(moment -> kernels.fill(moment, 1.0 / seed));
        return held(state(step));
    }

    private static TrainerState state(long step) {
        return new TrainerState(step, step, 20, 0.5, 42, 100, 8, 1, 1, 1, "ab");
    }

    /** Writes this rank's part and commits it. */
    void save(Path output, long step) {
        try (CommitDir folder = CommitDir.begin(output, Checkpoints.name(step))) {
            folder.commit(step, write(folder.path(), step));
        }
    }

    private Map<String, FileDigest> write(Path folder, long step) {
        List<WrittenFile> written = new ArrayList<>();
        List<TuttiException> failures = new ArrayList<>();
        writer.begin(folder, state(step), new PartWriter.Outcome() {
            @Override
            public void written(List<WrittenFile> files) {
                written.addAll(files);
            }

            @Override
            public void failed(TuttiException cause) {
                failures.add(cause);
            }
        });
        writer.awaitRead();
        writer.awaitDone();
        failures.forEach(failure -> {
            throw failure;
        });
        return written.stream()
                .collect(Collectors.toMap(WrittenFile::name, file -> new FileDigest(file.bytes(), file.sha256())));
    }

    void saveFinal(Path output) {
        files.writeFinal(output);
    }

    /** Takes all that a checkpoint holds. */
    Held read(Path checkpoint) {
        TrainerState state = TrainerState.read(checkpoint);
        readFinal(checkpoint);
        OptimizerShards.read(checkpoint, replica, optimizer);
        return held(state);
    }

    /** Takes the weights of a model folder. @return their hash */
    String readFinal(Path folder) {
        WeightLoader.load(folder, MODEL, replica);
        return files.weightsHash();
    }

    private Held held(TrainerState state) {
        var sha256 = FileDigest.newSha256();
        for (Tensor moment : moments()) {
            ByteBuffer bytes =
                    ByteBuffer.allocateDirect((int) moment.byteSize()).order(ByteOrder.LITTLE_ENDIAN);
            moment.read(bytes);
            sha256.update(bytes.flip());
        }
        return new Held(state, files.weightsHash(), FileDigest.hex(sha256));
    }

    private List<Tensor> moments() {
        List<Tensor> moments = new ArrayList<>();
        for (ShardLayout.Segment all :
                replica.shard().within(0, replica.layout().size())) {
            moments.add(optimizer.firstMoment(all));
            moments.add(optimizer.secondMoment(all));
        }
        return moments;
    }

    @Override
    public void close() {
        writer.close();
        collectives.close();
        arena.close();
        kernels.close();
    }
}
