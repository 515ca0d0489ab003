package tutti.worker.checkpoint;

import static tutti.common.error.TuttiException.data;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import tutti.common.checkpoint.CommitDir;
import tutti.common.checkpoint.FileDigest;
import tutti.common.checkpoint.SafetensorsWriter;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.common.protocol.WorkerReport.WrittenFile;
import tutti.worker.allreduce.Collectives;
import tutti.worker.gradient.BucketPlan;
import tutti.worker.optim.AdamW;
import tutti.worker.tensor.DType;
import tutti.worker.tune.FlatLayout;
import tutti.worker.tune.Replica;

/**
 * Writes the files of one rank. Weights are stored in the master dtype, so that a resumed run has the bits it would have had. All ranks
 * write at the same step: where master weights are sharded, they hand them to the one that writes the model.
 *
 * @param source folder that the model came from: its config and tokenizer files travel along
 * @param masters of the replica
 */
public record CheckpointWriter(
        Path source, Replica replica, AdamW optimizer, MasterWeights masters, Collectives collectives) {

    /** @param plan that the replica's shard comes from */
    public static CheckpointWriter of(
            Path source, Replica replica, AdamW optimizer, BucketPlan plan, Collectives collectives) {
        return new CheckpointWriter(
                source, replica, optimizer, new MasterWeights(replica, plan, collectives), collectives);
    }

    private static final int HASH_SLICE = 1 << 20;
    private static final String WEIGHTS = "model.safetensors";
    private static final List<String> COMPANIONS = List.of(
            "generation_config.json",
            "tokenizer.json",
            "tokenizer.model",
            "tokenizer_config.json",
            "special_tokens_map.json",
            "added_tokens.json",
            "chat_template.jinja");

    /** This rank's part of a checkpoint, synced, into a folder that exists. */
    public List<WrittenFile> writePart(Path folder, TrainerState state) {
        List<WrittenFile> written = new ArrayList<>();
        int rank = collectives.rank();
        if (rank == 0) {
            writeModel(folder, written);
            written.add(write(folder, TrainerState.FILE, state.toJson()));
        } else {
            masters.pass();
        }
        String name = OptimizerShards.name(rank, collectives.worldSize());
        List<SafetensorsWriter.Entry> entries =
                OptimizerShards.entries(replica, optimizer, rank, collectives.worldSize());
        written.add(entry(name, SafetensorsWriter.write(folder.resolve(name), entries, true)));
        return written;
    }

    /** SHA-256 over the master weights, in lower-case hex. */
    public String weightsHash() {
        try {
            MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
            int width = replica.masterDType().bytes();
            ByteBuffer host = ByteBuffer.allocateDirect(HASH_SLICE * width);
            long size = replica.layout().size();
            for (long at = 0; at < size; at += HASH_SLICE) {
                host.clear().limit((int) Math.min(HASH_SLICE, size - at) * width);
                masters.read(at, host);
                sha256.update(host.flip());
            }
            masters.pass();
            return HexFormat.of().formatHex(sha256.digest());
        } catch (NoSuchAlgorithmException e) {
            throw data("this JDK has no SHA-256: %s", e.getMessage());
        }
    }

    /** The final model into the output folder by rank 0: the weights appear under their name when they are whole. */
    public void writeFinal(Path folder) {
        if (collectives.rank() > 0) {
            masters.pass();
            return;
        }
        writeModel(folder, new ArrayList<>());
        try {
            CommitDir.sync(folder);
        } catch (IOException e) {
            throw notWritten(folder, e);
        }
    }

    private void writeModel(Path folder, List<WrittenFile> written) {
        try {
            written.add(write(folder, "config.json", config()));
            for (String name : COMPANIONS) {
                if (Files.isRegularFile(source.resolve(name))) {
                    written.add(write(folder, name, Files.readAllBytes(source.resolve(name))));
                }
            }
            int width = replica.masterDType().bytes();
            List<SafetensorsWriter.Entry> entries = new ArrayList<>();
            for (FlatLayout.Slot slot : replica.layout().slots()) {
                entries.add(new SafetensorsWriter.Entry(
                        slot.spec().name(),
                        OptimizerShards.stored(replica.masterDType()),
                        slot.spec().shape().toList(),
                        (byteOffset, into) -> masters.read(slot.start() + byteOffset / width, into)));
            }
            Path partial = folder.resolve("." + WEIGHTS + ".partial");
            FileDigest digest = SafetensorsWriter.write(partial, entries, true);
            masters.pass();
            Files.move(
                    partial,
                    folder.resolve(WEIGHTS),
                    StandardCopyOption.ATOMIC_MOVE,
                    StandardCopyOption.REPLACE_EXISTING);
            written.add(entry(WEIGHTS, digest));
        } catch (IOException e) {
            throw notWritten(folder, e);
        }
    }

    /** The source's config with the dtype that is stored. */
    private byte[] config() throws IOException {
        ObjectMapper json = new ObjectMapper();
        ObjectNode config =
                (ObjectNode) json.readTree(source.resolve("config.json").toFile());
        String dtype = replica.masterDType() == DType.F64 ? "float64" : "float32";
        config.put("torch_dtype", dtype);
        // The newer name of the same key: where both are, transformers reads this one.
        if (config.has("dtype")) {
            config.put("dtype", dtype);
        }
        return json.writerWithDefaultPrettyPrinter().writeValueAsString(config).getBytes(StandardCharsets.UTF_8);
    }

    private static WrittenFile write(Path folder, String name, byte[] bytes) {
        Path file = folder.resolve(name);
        try {
            Files.write(file, bytes);
            CommitDir.sync(file);
            return entry(name, FileDigest.of(bytes));
        } catch (IOException e) {
            throw notWritten(file, e);
        }
    }

    private static TuttiException notWritten(Path path, IOException e) {
        return new TuttiException(Category.ENVIRONMENT, path + ": cannot be written (disk full?): " + e, e);
    }

    private static WrittenFile entry(String name, FileDigest digest) {
        return new WrittenFile(name, digest.bytes(), digest.sha256());
    }
}
