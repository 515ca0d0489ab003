package tutti.deploy.quickstart;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import tutti.common.config.EncodingConfig;
import tutti.worker.generate.AnswerRule;
import tutti.worker.generate.Evaluator;
import tutti.worker.generate.Metric;

/** The size of everything: chosen so that two cores get from random weights to right answers in about two minutes. */
final class Recipe {
    static final int TRAIN_SAMPLES = 24_000;
    /** 100 of each kind. */
    static final int HELDOUT_SAMPLES = 200;
    /** The longest answer has 24 tokens. */
    static final int MAX_NEW_TOKENS = 26;

    private static final int HIDDEN = 128;
    private static final int INTERMEDIATE = 384;
    private static final int LAYERS = 4;
    private static final int HEADS = 4;
    private static final int MAX_POSITIONS = 128;
    private static final int VOCABULARY_STEP = 64;

    static final Evaluator.Options EVALUATION = new Evaluator.Options(
            Set.of(Metric.values()), AnswerRule.TEXT, EncodingConfig.USUAL, 8, MAX_POSITIONS, MAX_NEW_TOKENS);

    private Recipe() {}

    /** config.json of a tiny Llama. @param tokens that the tokenizer has */
    static void writeConfig(Path folder, int tokens) throws IOException {
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("architectures", new String[] {"LlamaForCausalLM"});
        config.put("model_type", "llama");
        config.put("hidden_size", HIDDEN);
        config.put("intermediate_size", INTERMEDIATE);
        config.put("num_hidden_layers", LAYERS);
        config.put("num_attention_heads", HEADS);
        config.put("num_key_value_heads", HEADS);
        config.put("hidden_act", "silu");
        config.put("max_position_embeddings", MAX_POSITIONS);
        config.put("rms_norm_eps", 1e-5);
        config.put("rope_theta", 10_000.0);
        config.put("initializer_range", 0.05);
        config.put("tie_word_embeddings", false);
        config.put("bos_token_id", 1);
        config.put("eos_token_id", 2);
        // Matrix products like round sizes; ids beyond the tokenizer's are never asked for.
        config.put("vocab_size", (tokens + VOCABULARY_STEP - 1) / VOCABULARY_STEP * VOCABULARY_STEP);
        new ObjectMapper()
                .writerWithDefaultPrettyPrinter()
                .writeValue(folder.resolve("config.json").toFile(), config);
    }

    /** Flags of {@code tutti run}, in the order in which they are shown. */
    static Map<String, String> flags(QuickstartFolder folder, int workers, long seed) {
        Map<String, String> flags = new LinkedHashMap<>();
        flags.put("nproc_per_node", Integer.toString(workers));
        flags.put("model_name_or_path", folder.model().toString());
        flags.put("init_from_config", "True");
        flags.put("model_max_length", Integer.toString(MAX_POSITIONS));
        flags.put("data_path", folder.train().toString());
        flags.put("output_dir", folder.run().toString());
        // So that the command shown works again by hand.
        flags.put("overwrite_output_dir", "True");
        flags.put("bf16", "True");
        flags.put("gradient_checkpointing", "True");
        flags.put("per_device_train_batch_size", "32");
        flags.put("num_train_epochs", "1");
        flags.put("learning_rate", "3e-3");
        flags.put("lr_scheduler_type", "cosine");
        flags.put("warmup_ratio", "0.05");
        flags.put("weight_decay", "0.1");
        flags.put("adam_beta2", "0.98");
        flags.put("save_strategy", "no");
        flags.put("seed", Long.toString(seed));
        return flags;
    }
}
