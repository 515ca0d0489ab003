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
import java.util.Optional;
import tutti.common.checkpoint.CommitDir;
import tutti.common.checkpoint.FileDigest;
import tutti.common.checkpoint.Listing;
import tutti.common.checkpoint.SafetensorsWriter;
import tutti.common.checkpoint.SafetensorsWriter.Unsealed;
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
 * @param chatTemplate that the model is trained with, in Jinja; empty: the source's own, if it has one
 * @param masters of the replica
 */
public record CheckpointWriter(
        Path source,
        Optional<String> chatTemplate,
        Replica replica,
        AdamW optimizer,
        MasterWeights masters,
        Collectives collectives) {

    /** @param plan that the replica's shard comes from */
    public static CheckpointWriter of(
            Path source,
            Optional<String> chatTemplate,
            Replica replica,
            AdamW optimizer,
            BucketPlan plan,
            Collectives collectives) {
        return new CheckpointWriter(
                source, chatTemplate, replica, optimizer, new MasterWeights(replica, plan, collectives), collectives);
    }

    private static final int HASH_SLICE = 1 << 20;
    private static final String WEIGHTS = "model.safetensors";
    private static final List<String> COMPANIONS = List.of(
            "generation_config.json",
            "tokenizer.json",
            "tokenizer.model",
            "tokenizer_config.json",
            "special_tokens_map.json",
            "added_tokens.json");
    private static final String CHAT_TEMPLATE = "chat_template.jinja";

    /**
     * This rank's part of a checkpoint, to be written into a folder that exists. Where master weights are sharded, the model is
     * written here and now: all ranks take part in that.
     */
    Part begin(Path folder, TrainerState state) {
        return new Part(folder, state, replica.hasAllMasters() ? Optional.empty() : Optional.of(handOver(folder)));
    }

    /** Rank 0 writes what all gather; where its disk fails, it gathers on, since the others do. */
    private Handed handOver(Path folder) {
        if (collectives.rank() > 0) {
            masters.pass();
            return new Handed(List.of(), Optional.empty());
        }
        try {
            Unsealed model = SafetensorsWriter.writeUnsealed(folder.resolve(WEIGHTS), modelEntries());
            masters.pass();
            return new Handed(List.of(model), Optional.empty());
        } catch (TuttiException e) {
            if (e.category() != Category.ENVIRONMENT) {
                throw e;
            }
            masters.pass();
            return new Handed(List.of(), Optional.of(e));
        }
    }

    /** What the training thread has written already. */
    private record Handed(List<Unsealed> files, Optional<TuttiException> failure) {}

    /** One rank's part on its way: first {@link #write}, then {@link #seal}, both on any one thread. */
    final class Part {
        private final Path folder;
        private final TrainerState state;
        private final Optional<Handed> handed;
        private final List<Unsealed> unsealed = new ArrayList<>();

        private Part(Path folder, TrainerState state, Optional<Handed> handed) {
            this.folder = folder;
            this.state = state;
            this.handed = handed;
        }

        /** Hands all tensors to the system: when it returns, none of them is needed any more. */
        void write() {
            handed.flatMap(Handed::failure).ifPresent(failure -> {
                throw failure;
            });
            int rank = collectives.rank();
            if (handed.isPresent()) {
                unsealed.addAll(handed.get().files());
            } else if (rank == 0) {
                unsealed.add(SafetensorsWriter.writeUnsealed(folder.resolve(WEIGHTS), modelEntries()));
            }
            Path shard = folder.resolve(OptimizerShards.name(rank, collectives.worldSize()));
            unsealed.add(SafetensorsWriter.writeUnsealed(
                    shard, OptimizerShards.entries(replica, optimizer, rank, collectives.worldSize())));
        }

        /** Forces everything to the disk. */
        List<WrittenFile> seal() {
            List<WrittenFile> written = new ArrayList<>();
            if (collectives.rank() == 0) {
                written.addAll(writeCompanions(folder));
                written.add(CheckpointWriter.write(folder, TrainerState.FILE, state.toJson()));
            }
            for (Unsealed file : unsealed) {
                FileDigest digest = file.seal();
                written.add(entry(file.file().getFileName().toString(), digest));
            }
            return written;
        }
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

    /**
     * The final model into the output folder by rank 0: the weights appear under their name when they are whole.
     *
     * @throws TuttiException (environment) if the disk fails; then nothing is left of them
     */
    public void writeFinal(Path folder) {
        if (collectives.rank() > 0) {
            masters.pass();
            return;
        }
        Path partial = folder.resolve("." + WEIGHTS + ".partial");
        try {
            writeCompanions(folder);
            SafetensorsWriter.write(partial, modelEntries(), true);
            masters.pass();
            Files.move(
                    partial,
                    folder.resolve(WEIGHTS),
                    StandardCopyOption.ATOMIC_MOVE,
                    StandardCopyOption.REPLACE_EXISTING);
            CommitDir.sync(folder);
        } catch (IOException e) {
            throw discarded(partial, notWritten(folder, e));
        } catch (RuntimeException e) {
            throw discarded(partial, e);
        }
    }

    /** What is left of it takes the room that the repair may need. */
    private static RuntimeException discarded(Path partial, RuntimeException cause) {
        try {
            Files.deleteIfExists(partial);
        } catch (IOException e) {
            cause.addSuppressed(e);
        }
        return cause;
    }

    private List<SafetensorsWriter.Entry> modelEntries() {
        int width = replica.masterDType().bytes();
        List<SafetensorsWriter.Entry> entries = new ArrayList<>();
        for (FlatLayout.Slot slot : replica.layout().slots()) {
            entries.add(new SafetensorsWriter.Entry(
                    slot.spec().name(),
                    OptimizerShards.stored(replica.masterDType()),
                    slot.spec().shape().toList(),
                    (byteOffset, into) -> masters.read(slot.start() + byteOffset / width, into)));
        }
        return entries;
    }

    /** Config and tokenizer. */
    private List<WrittenFile> writeCompanions(Path folder) {
        List<WrittenFile> written = new ArrayList<>();
        written.add(write(folder, "config.json", config()));
        for (String name : COMPANIONS) {
            sourceFile(name).ifPresent(bytes -> written.add(write(folder, name, bytes)));
        }
        chatTemplate
                .map(text -> text.getBytes(StandardCharsets.UTF_8))
                .or(() -> sourceFile(CHAT_TEMPLATE))
                .ifPresent(bytes -> written.add(write(folder, CHAT_TEMPLATE, bytes)));
        return written;
    }

    /** Empty where the source has no such file. */
    private Optional<byte[]> sourceFile(String name) {
        Path file = source.resolve(name);
        try {
            return Listing.isFile(file) ? Optional.of(Files.readAllBytes(file)) : Optional.empty();
        } catch (IOException e) {
            throw new TuttiException(Category.ENVIRONMENT, file + ": cannot be read: " + e, e);
        }
    }

    /** The source's config with the dtype that is stored. */
    private byte[] config() {
        byte[] text = sourceFile("config.json")
                .orElseThrow(() -> data("%s: has no config.json any more; put it back", source));
        try {
            return config(text);
        } catch (IOException e) {
            throw data("%s: not valid JSON any more: %s", source.resolve("config.json"), e.getMessage());
        }
    }

    private byte[] config(byte[] text) throws IOException {
        ObjectMapper json = new ObjectMapper();
        ObjectNode config = (ObjectNode) json.readTree(text);
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
