package tutti.common.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/**
 * The weights of a Hugging Face model folder as one set of named tensors: {@code model.safetensors}, or shards listed in
 * {@code model.safetensors.index.json}. Of both, the single file wins, as in transformers. A tensor of a shard that the index
 * does not name is not seen.
 */
public final class ModelFolder implements AutoCloseable {
    private static final String SINGLE = "model.safetensors";
    private static final String INDEX = "model.safetensors.index.json";
    private static final int SLICE_BYTES = 1 << 20;
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build();

    private final Path folder;
    private final Map<String, SafetensorsFile> shardOf = new LinkedHashMap<>();
    private final Map<String, SafetensorsFile> shards = new LinkedHashMap<>();

    /** Elements of another dtype on their way; one buffer, because direct memory is given back only when the heap is collected. */
    private ByteBuffer raw;

    private ModelFolder(Path folder) {
        this.folder = folder;
    }

    /** Opens every shard and checks all headers and the index; reads no weights. Whatever is missing is a DATA failure. */
    public static ModelFolder open(Path folder) {
        ModelFolder model = new ModelFolder(folder);
        try {
            if (!Listing.isFolder(folder)) {
                throw TuttiException.data(
                        "%s: no such model folder; --model_name_or_path needs a local folder, names on a hub are not downloaded",
                        folder);
            }
            if (Listing.isFile(folder.resolve(SINGLE))) {
                SafetensorsFile file = model.shard(SINGLE);
                file.tensors().keySet().forEach(name -> model.shardOf.put(name, file));
            } else if (Listing.isFile(folder.resolve(INDEX))) {
                model.openShards(folder.resolve(INDEX));
            } else {
                throw noWeights(folder);
            }
            return model;
        } catch (IOException e) {
            throw new TuttiException(Category.ENVIRONMENT, folder + ": cannot be looked into: " + e, e);
        } catch (RuntimeException e) {
            model.closeAfter(e);
            throw e;
        }
    }

    private void openShards(Path index) {
        JsonNode weightMap = readIndex(index).path("weight_map");
        if (!weightMap.isObject() || weightMap.isEmpty()) {
            throw TuttiException.data("%s: has no weight_map object with tensor names; download it again", index);
        }
        weightMap.properties().forEach(entry -> {
            String name = entry.getKey();
            String fileName = entry.getValue().asText("");
            // Only plain names: an index must not reach outside its folder.
            if (!fileName.endsWith(".safetensors") || !fileName.matches("[^/\\\\\\x00]+")) {
                throw TuttiException.data(
                        "%s: tensor '%s' is said to be in '%s', needs the name of a .safetensors file of this folder",
                        index, name, fileName);
            }
            SafetensorsFile file = shards.get(fileName);
            if (file == null) {
                if (!Files.isRegularFile(folder.resolve(fileName))) {
                    throw TuttiException.data(
                            "%s: shard %s is missing, it holds tensor '%s'; download the folder again",
                            index, fileName, name);
                }
                file = shard(fileName);
            }
            if (!file.tensors().containsKey(name)) {
                throw TuttiException.data(
                        "%s: tensor '%s' is not in %s, where the index says; download the folder again",
                        index, name, fileName);
            }
            shardOf.put(name, file);
        });
    }

    private SafetensorsFile shard(String fileName) {
        SafetensorsFile file = SafetensorsFile.open(folder.resolve(fileName));
        shards.put(fileName, file);
        return file;
    }

    public Path path() {
        return folder;
    }

    /** Names of all tensors, in the order of the file or the index. */
    public Set<String> names() {
        return Collections.unmodifiableSet(shardOf.keySet());
    }

    /** A tensor that the folder lacks is a DATA failure that names it. */
    public TensorInfo info(String name) {
        return fileOf(name).tensors().get(name);
    }

    /** Fills {@code into} with raw little-endian bytes of the dtype that is stored, from {@code elementOffset} on. */
    public void read(String name, long elementOffset, ByteBuffer into) {
        fileOf(name).read(name, elementOffset, into);
    }

    /** Fills {@code into} with the whole tensor as F32, little-endian; its remaining bytes must be 4 per element. */
    public void readAsF32(String name, ByteBuffer into) {
        long needed = info(name).elements() * Float.BYTES;
        if (into.remaining() != needed) {
            throw TuttiException.bug("tensor '%s' is %d bytes as F32, buffer has %d", name, needed, into.remaining());
        }
        readAsF32(name, 0, into);
    }

    /**
     * Fills {@code into} with F32 elements from {@code elementOffset} on; for tensors of more than 2 GB, in several calls. A
     * tensor of whole numbers is a DATA failure.
     */
    public void readAsF32(String name, long elementOffset, ByteBuffer into) {
        TensorInfo tensor = info(name);
        StoredDType dtype = tensor.dtype();
        if (!dtype.isFloat()) {
            throw TuttiException.data(
                    "%s: tensor '%s' is %s, weights need F32, BF16, F16 or F64; quantised models are not read",
                    fileOf(name).path(), name, dtype);
        }
        if (dtype == StoredDType.F32) {
            fileOf(name).read(name, elementOffset, into);
            return;
        }
        long at = elementOffset;
        if (raw == null) {
            raw = ByteBuffer.allocateDirect(SLICE_BYTES);
        }
        while (into.hasRemaining()) {
            int elements = Math.min(raw.capacity() / dtype.bytes(), into.remaining() / Float.BYTES);
            raw.clear().limit(elements * dtype.bytes());
            fileOf(name).read(name, at, raw);
            FloatCodec.toF32(dtype, raw.flip(), into);
            at += elements;
        }
    }

    @Override
    public void close() {
        shards.values().forEach(SafetensorsFile::close);
    }

    private SafetensorsFile fileOf(String name) {
        SafetensorsFile file = shardOf.get(name);
        if (file == null) {
            throw TuttiException.data(
                    "%s: has no tensor '%s'; its config.json may belong to another model", folder, name);
        }
        return file;
    }

    private void closeAfter(RuntimeException first) {
        try {
            close();
        } catch (RuntimeException e) {
            first.addSuppressed(e);
        }
    }

    private static JsonNode readIndex(Path index) {
        try {
            return JSON.readTree(Files.readAllBytes(index));
        } catch (JsonProcessingException e) {
            throw new TuttiException(
                    Category.DATA, index + ": not valid JSON: " + e.getOriginalMessage() + "; download it again", e);
        } catch (IOException e) {
            throw new TuttiException(Category.ENVIRONMENT, index + ": cannot be read: " + e, e);
        }
    }

    private static TuttiException noWeights(Path folder) {
        String hint = Files.exists(folder.resolve("pytorch_model.bin"))
                        || Files.exists(folder.resolve("pytorch_model.bin.index.json"))
                ? "; pytorch_model.bin is not read (it can run code): save it again with safe_serialization=True"
                : "; download the whole model folder";
        return TuttiException.data("%s: has neither %s nor %s%s", folder, SINGLE, INDEX, hint);
    }
}
