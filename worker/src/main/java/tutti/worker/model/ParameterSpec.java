package tutti.worker.model;

import java.util.ArrayList;
import java.util.List;
import tutti.worker.tensor.Shape;

/**
 * One named weight of the model.
 *
 * @param name as in the Hugging Face file
 * @param part 0 embedding, 1..L the blocks, L+1 final norm and head: gradients become ready from the last part to the first
 */
public record ParameterSpec(String name, Shape shape, int part) {
    public static final String EMBEDDING = "model.embed_tokens.weight";
    public static final String FINAL_NORM = "model.norm.weight";
    public static final String HEAD = "lm_head.weight";

    /** Weight decay is for matrices, not for norms. */
    public boolean decays() {
        return shape.rank() > 1;
    }

    static String inBlock(int layer, String module) {
        return "model.layers." + layer + "." + module + ".weight";
    }

    /** Every weight of a model in the order of the forward pass. */
    public static List<ParameterSpec> of(LlamaConfig c) {
        List<ParameterSpec> specs = new ArrayList<>();
        long queries = (long) c.heads() * c.headDim();
        long keys = (long) c.kvHeads() * c.headDim();
        specs.add(new ParameterSpec(EMBEDDING, Shape.of(c.vocabulary(), c.hidden()), 0));
        for (int layer = 0; layer < c.layers(); layer++) {
            int part = layer + 1;
            specs.add(block(layer, "input_layernorm", part, c.hidden()));
            specs.add(block(layer, "self_attn.q_proj", part, queries, c.hidden()));
            specs.add(block(layer, "self_attn.k_proj", part, keys, c.hidden()));
            specs.add(block(layer, "self_attn.v_proj", part, keys, c.hidden()));
            specs.add(block(layer, "self_attn.o_proj", part, c.hidden(), queries));
            specs.add(block(layer, "post_attention_layernorm", part, c.hidden()));
            specs.add(block(layer, "mlp.gate_proj", part, c.intermediate(), c.hidden()));
            specs.add(block(layer, "mlp.up_proj", part, c.intermediate(), c.hidden()));
            specs.add(block(layer, "mlp.down_proj", part, c.hidden(), c.intermediate()));
        }
        specs.add(new ParameterSpec(FINAL_NORM, Shape.of(c.hidden()), c.layers() + 1));
        if (!c.tied()) {
            specs.add(new ParameterSpec(HEAD, Shape.of(c.vocabulary(), c.hidden()), c.layers() + 1));
        }
        return specs;
    }

    private static ParameterSpec block(int layer, String module, int part, long... sizes) {
        return new ParameterSpec(inBlock(layer, module), Shape.of(sizes), part);
    }
}
