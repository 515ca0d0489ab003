package tutti.worker.model;

import static tutti.common.error.TuttiException.data;
import static tutti.common.error.TuttiException.require;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/**
 * The shape of a model, read from Hugging Face's {@code config.json}.
 *
 * @param maxPositions longest sequence the model was made for
 * @param initializerRange standard deviation of random weights
 */
public record LlamaConfig(
        int hidden,
        int intermediate,
        int layers,
        int heads,
        int kvHeads,
        int headDim,
        int vocabulary,
        int maxPositions,
        double normEps,
        double ropeTheta,
        boolean tied,
        double initializerRange) {
    private static final long MAX_BYTES = 1 << 20;

    public LlamaConfig {
        check(hidden > 0, "hidden_size=%d: more than 0", hidden);
        check(intermediate > 0, "intermediate_size=%d: more than 0", intermediate);
        check(layers > 0, "num_hidden_layers=%d: more than 0", layers);
        check(heads > 0, "num_attention_heads=%d: more than 0", heads);
        check(
                kvHeads > 0 && heads % kvHeads == 0,
                "num_key_value_heads=%d does not divide num_attention_heads=%d",
                kvHeads,
                heads);
        check(headDim > 0 && headDim % 2 == 0, "head_dim=%d: even and more than 0", headDim);
        check(vocabulary > 0, "vocab_size=%d: more than 0", vocabulary);
        check(maxPositions > 0, "max_position_embeddings=%d: more than 0", maxPositions);
        check(normEps > 0, "rms_norm_eps=%s: more than 0", normEps);
        check(ropeTheta > 0, "rope_theta=%s: more than 0", ropeTheta);
    }

    /** @throws TuttiException (data) naming file, key, value and rule */
    public static LlamaConfig read(Path folder) {
        require(
                Files.isDirectory(folder),
                Category.DATA,
                "model folder %s does not exist; give a folder with config.json and model.safetensors",
                folder);
        Path file = folder.resolve("config.json");
        require(
                Files.isRegularFile(file),
                Category.DATA,
                "model folder %s has no config.json; a Hugging Face model folder is needed",
                folder);
        return readFile(file);
    }

    /** @param path a model folder or a {@code config.json} alone: enough for a plan */
    public static LlamaConfig readFolderOrFile(Path path) {
        return Files.isRegularFile(path) ? readFile(path) : read(path);
    }

    /** @throws TuttiException (data) naming file, key, value and rule */
    public static LlamaConfig readFile(Path file) {
        try {
            require(Files.size(file) <= MAX_BYTES, Category.DATA, "%s: larger than %d bytes", file, MAX_BYTES);
            return of(new ObjectMapper().readTree(Files.readAllBytes(file)), file);
        } catch (JsonProcessingException e) {
            // A number too long or a nesting too deep comes without a place.
            String where = e.getLocation() == null
                    ? ""
                    : " line %d:".formatted(e.getLocation().getLineNr());
            throw data(
                    "%s:%s %s",
                    file, where, e.getOriginalMessage().lines().findFirst().orElse(""));
        } catch (IOException e) {
            throw data("%s: cannot be read: %s", file, e.getMessage());
        }
    }

    private static LlamaConfig of(JsonNode json, Path file) {
        try {
            return of(json);
        } catch (TuttiException e) {
            throw new TuttiException(e.category(), file + ": " + e.getMessage(), e);
        }
    }

    private static LlamaConfig of(JsonNode json) {
        String type = json.path("model_type").asText("");
        check(type.equals("llama"), "model_type='%s' is not supported; supported: llama", type);
        String activation = json.path("hidden_act").asText("silu");
        check(activation.equals("silu"), "hidden_act='%s' is not supported; supported: silu", activation);
        for (String bias : new String[] {"attention_bias", "mlp_bias"}) {
            check(!json.path(bias).asBoolean(false), "%s=true is not supported; biases must be absent", bias);
        }
        JsonNode rope = json.path("rope_parameters");
        JsonNode scaling = json.path("rope_scaling");
        String ropeType = rope.path("rope_type").asText("default");
        check(
                (scaling.isMissingNode() || scaling.isNull()) && ropeType.equals("default"),
                "rope_scaling=%s is not supported; it must be null",
                scaling.isMissingNode() ? ropeType : scaling);
        int hidden = integer(json, "hidden_size");
        int heads = integer(json, "num_attention_heads");
        check(heads > 0, "num_attention_heads=%d: more than 0", heads);
        return new LlamaConfig(
                hidden,
                integer(json, "intermediate_size"),
                integer(json, "num_hidden_layers"),
                heads,
                json.hasNonNull("num_key_value_heads") ? integer(json, "num_key_value_heads") : heads,
                json.hasNonNull("head_dim") ? integer(json, "head_dim") : hidden / heads,
                integer(json, "vocab_size"),
                json.path("max_position_embeddings").asInt(2048),
                json.path("rms_norm_eps").asDouble(1e-6),
                json.path("rope_theta").asDouble(rope.path("rope_theta").asDouble(10_000)),
                json.path("tie_word_embeddings").asBoolean(false),
                json.path("initializer_range").asDouble(0.02));
    }

    private static int integer(JsonNode json, String key) {
        JsonNode value = json.path(key);
        check(value.canConvertToInt() && value.isIntegralNumber(), "%s=%s: a whole number is needed", key, value);
        return value.intValue();
    }

    private static void check(boolean ok, String format, Object... args) {
        require(ok, Category.DATA, format, args);
    }
}
