package tutti.test.support;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import tutti.common.checkpoint.ModelFolder;
import tutti.common.checkpoint.SafetensorsWriter;
import tutti.common.checkpoint.StoredDType;

/** A model with a token whose embedding is no number: no gradient is finite of a step with that token, and of any other all are. */
public final class BrokenEmbedding {
    /** A hair space, which the tokenizer of {@link TrainSpec#model} reads as that token. */
    public static final String TEXT = "\u200a";

    private static final int TOKEN = 511;
    private static final String EMBEDDINGS = "model.embed_tokens.weight";
    private static final String HEAD = "lm_head.weight";
    private static final ObjectMapper JSON = new ObjectMapper();

    private BrokenEmbedding() {}

    /** Copies a model whose embeddings are tied. In the copy they are not: the head, which all steps need, keeps its numbers. */
    public static Path of(Path tied, Path folder) throws IOException {
        ObjectNode config = (ObjectNode) JSON.readTree(Files.readString(tied.resolve("config.json")));
        Files.writeString(
                folder.resolve("config.json"),
                config.put("tie_word_embeddings", false).toString());
        List<SafetensorsWriter.Entry> entries = new ArrayList<>();
        try (ModelFolder model = ModelFolder.open(tied)) {
            for (String name : model.names()) {
                ByteBuffer values = values(model, name);
                List<Long> shape = model.info(name).shape();
                if (name.equals(EMBEDDINGS)) {
                    entries.add(entry(HEAD, shape, values(model, name)));
                    int width = shape.get(1).intValue();
                    values.putFloat(TOKEN * width * Float.BYTES, Float.NaN);
                }
                entries.add(entry(name, shape, values));
            }
            SafetensorsWriter.write(folder.resolve("model.safetensors"), entries, false);
        }
        return folder;
    }

    /** As {@link #of}, in a folder of its own, for data that are text. */
    public static Path withTokenizer(Path tied, Path parent) throws IOException {
        Path folder = parent.resolve("broken");
        if (!Files.exists(folder)) {
            of(tied, Files.createDirectory(folder));
            for (String name : List.of("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")) {
                Files.copy(tied.resolve(name), folder.resolve(name));
            }
        }
        return folder;
    }

    private static ByteBuffer values(ModelFolder model, String name) {
        int bytes = (int) model.info(name).elements() * Float.BYTES;
        ByteBuffer values = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
        model.readAsF32(name, values);
        return values.flip();
    }

    private static SafetensorsWriter.Entry entry(String name, List<Long> shape, ByteBuffer values) {
        return new SafetensorsWriter.Entry(
                name, StoredDType.F32, shape, (offset, into) -> into.put(values.slice((int) offset, into.remaining())));
    }

    /** A line of data with that token in it. */
    public static String use(String sample) throws IOException {
        ObjectNode line = (ObjectNode) JSON.readTree(sample);
        ((ArrayNode) line.get("input_ids")).set(1, TOKEN);
        return line.toString();
    }
}
