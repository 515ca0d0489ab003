package tutti.deploy.bench;

import static tutti.common.error.TuttiException.require;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import tutti.worker.model.LlamaConfig;
import tutti.worker.model.ParameterSpec;

/**
 * The model that is measured: one of the llama2.c family (Karpathy 2023, the sizes trained on TinyStories, with a tied head), or
 * any {@code config.json}.
 *
 * @param name as the user gave it
 */
public record BenchShape(String name, LlamaConfig config) {
    /** hidden, intermediate, layers, heads, key heads, vocabulary. */
    private static final Map<String, int[]> FAMILY = Map.of(
            "tiny", new int[] {64, 172, 5, 8, 4, 512},
            "15m", new int[] {288, 768, 6, 6, 6, 32_000},
            "42m", new int[] {512, 1376, 8, 8, 8, 32_000},
            "110m", new int[] {768, 2048, 12, 12, 12, 32_000});

    /**
     * @param name of the family, or the path of a {@code config.json}
     * @param sequence tokens of one sequence
     * @throws tutti.common.error.TuttiException (user, data) naming what is wrong
     */
    public static BenchShape of(String name, int sequence) {
        require(sequence >= 2, "--model_max_length=%d: at least 2, a token and the one it predicts", sequence);
        int[] sizes = FAMILY.get(name);
        if (sizes != null) {
            return new BenchShape(
                    name,
                    new LlamaConfig(
                            sizes[0],
                            sizes[1],
                            sizes[2],
                            sizes[3],
                            sizes[4],
                            sizes[0] / sizes[3],
                            sizes[5],
                            sequence,
                            1e-5,
                            10_000,
                            true,
                            0.02));
        }
        Path file = Path.of(name);
        require(
                Files.isRegularFile(file),
                "--shape %s: neither tiny, 15m, 42m, 110m nor a file; a config.json is needed",
                name);
        LlamaConfig config = LlamaConfig.readFile(file);
        require(
                sequence <= config.maxPositions(),
                "--model_max_length=%d: %s has max_position_embeddings=%d",
                sequence,
                name,
                config.maxPositions());
        return new BenchShape(name, config);
    }

    /** Number of weights; a tied head counts once. */
    long parameters() {
        return ParameterSpec.of(config).stream()
                .mapToLong(spec -> spec.shape().count())
                .sum();
    }

    /** Writes {@code config.json}. */
    void write(Path folder) throws IOException {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("architectures", new String[] {"LlamaForCausalLM"});
        json.put("model_type", "llama");
        json.put("hidden_size", config.hidden());
        json.put("intermediate_size", config.intermediate());
        json.put("num_hidden_layers", config.layers());
        json.put("num_attention_heads", config.heads());
        json.put("num_key_value_heads", config.kvHeads());
        json.put("head_dim", config.headDim());
        json.put("vocab_size", config.vocabulary());
        json.put("max_position_embeddings", config.maxPositions());
        json.put("rms_norm_eps", config.normEps());
        json.put("rope_theta", config.ropeTheta());
        json.put("tie_word_embeddings", config.tied());
        json.put("initializer_range", config.initializerRange());
        new ObjectMapper().writeValue(folder.resolve("config.json").toFile(), json);
    }
}
