package tutti.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import tutti.common.config.PlanConfig;
import tutti.common.config.Settings;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.worker.model.LlamaConfig;

class MemoryPreflightTest {
    private static final LlamaConfig MODEL =
            new LlamaConfig(768, 2048, 12, 12, 12, 64, 32000, 1024, 1e-5, 1e4, true, 0.02);

    private final Map<String, String> flags = new LinkedHashMap<>(Map.of(
            "model_name_or_path", "m",
            "nproc_per_node", "2",
            "per_device_train_batch_size", "4",
            "gradient_accumulation_steps", "2",
            "model_max_length", "512"));

    @Test
    void shouldLetARunPassThatFitsToTheByte() {
        long needed = need();
        assertThatCode(() -> preflight(needed)).doesNotThrowAnyException();
        assertRefused(needed - 1, "it would fit with --gradient_checkpointing selective");
    }

    @Test
    void shouldNameTheNumbers() {
        long needed = need();
        assertThatThrownBy(() -> preflight(needed - (8 << 20)))
                .hasMessageContainingAll(
                        "too little memory: 2 workers of ",
                        "need " + MemoryPreflight.mib(needed),
                        "this node has " + MemoryPreflight.mib(needed - (8 << 20)),
                        "batch 4, 512 tokens, gradient checkpointing none");
    }

    /** Each change in its turn: the limit is what is needed after it, so everything before it in the list does not fit. */
    @Test
    void shouldTryTheChangesInTheirOrder() {
        flags.put("gradient_checkpointing", "full");
        long whole = need();
        assertRefused(whole - 1, "--gradient_checkpointing", false);
        assertRefused(
                with("per_device_train_batch_size", "2"),
                "--per_device_train_batch_size 2 --gradient_accumulation_steps 4");
        assertRefused(
                with("per_device_train_batch_size", "1"),
                "--per_device_train_batch_size 1 --gradient_accumulation_steps 8");
        flags.put("per_device_train_batch_size", "1");
        assertRefused(with("model_max_length", "256"), "--model_max_length 256");
        assertRefused(with("nproc_per_node", "1"), "--nproc_per_node 1");
        assertRefused(with("nproc_per_node", "1") - 1, "no single change of a flag would make it fit");
    }

    @Test
    void shouldOfferBf16WhereItSaves() {
        // With a long context and little else, halving the activations outweighs the copy of the weights.
        flags.putAll(Map.of(
                "gradient_checkpointing", "full", "per_device_train_batch_size", "1", "model_max_length", "1024"));
        LlamaConfig wide = new LlamaConfig(64, 65536, 1, 2, 2, 32, 256, 1024, 1e-5, 1e4, true, 0.02);
        flags.put("bf16", "True");
        long half = NodePlan.of(run(), wide).withBase();
        flags.put("bf16", "False");
        assertThat(half).isLessThan(NodePlan.of(run(), wide).withBase());
        assertThatThrownBy(() -> new MemoryPreflight(() -> half).check(run(), wide))
                .hasMessageContaining("it would fit with --bf16 True");
    }

    @Test
    void shouldTakeTheBudgetAwayWithItsPolicy() {
        flags.put("activation_memory_gb", "100");
        long needed = need();
        assertRefused(needed - 1, "it would fit with --gradient_checkpointing selective --activation_memory_gb 0");
        flags.putAll(Map.of("gradient_checkpointing", "selective", "activation_memory_gb", "0"));
        assertThatCode(() -> preflight(needed - 1)).doesNotThrowAnyException();
    }

    @Test
    void shouldOfferOnlyAsManyWorkersAsCanHoldTheVirtualRanks() {
        flags.putAll(
                Map.of("gradient_checkpointing", "full", "per_device_train_batch_size", "1", "model_max_length", "64"));
        flags.putAll(Map.of("nproc_per_node", "4", "virtual_ranks", "4"));
        assertRefused(with("nproc_per_node", "2"), "it would fit with --nproc_per_node 2");
    }

    private void assertRefused(long available, String change) {
        assertRefused(available, change, true);
    }

    private void assertRefused(long available, String words, boolean said) {
        assertThatThrownBy(() -> preflight(available))
                .isInstanceOfSatisfying(
                        TuttiException.class, e -> assertThat(e.category()).isEqualTo(Category.ENVIRONMENT))
                .satisfies(e -> assertThat(e.getMessage().contains(words))
                        .as(e.getMessage())
                        .isEqualTo(said));
    }

    private void preflight(long available) {
        new MemoryPreflight(() -> available).check(run(), MODEL);
    }

    private long need() {
        return NodePlan.of(run(), MODEL).withBase();
    }

    private long with(String key, String value) {
        String was = flags.put(key, value);
        long bytes = need();
        flags.put(key, was);
        return bytes;
    }

    private PlanConfig run() {
        return PlanConfig.read(Settings.of(flags, null));
    }
}
