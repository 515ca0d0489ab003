package tutti.common.config;

import static tutti.common.error.TuttiException.require;
import static tutti.common.error.TuttiException.user;

import java.util.Arrays;
import java.util.Locale;

/**
 * What forward keeps for backward (Chen et al. 2016). The bits of a run are the same under every policy.
 *
 * @param budgetBytes most bytes of activations on one worker; 0 unless the policy is {@link Policy#BUDGET}
 */
public record GradientCheckpointing(Policy policy, long budgetBytes) {

    /** The word of {@code --gradient_checkpointing}, from the fastest to the smallest. */
    public enum Policy {
        /** Every block keeps all its activations. */
        NONE,
        /** Every block keeps what a product or attention made; norms and SwiGLU are computed again. */
        SELECTIVE,
        /** Block inputs only; all else is computed again. */
        FULL,
        /** Each block is one of the three, so that as much is kept as fits. */
        BUDGET;

        public String word() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    private static final double GIB = 1L << 30;

    public GradientCheckpointing {
        require(budgetBytes >= 0, "--activation_memory_gb=%s: more than 0, or 0 for no budget", budgetBytes / GIB);
        require(
                policy == Policy.BUDGET || budgetBytes == 0,
                "--activation_memory_gb=%s goes with --gradient_checkpointing budget, not with %s; leave one of them out",
                budgetBytes / GIB,
                policy.word());
        require(
                policy != Policy.BUDGET || budgetBytes > 0,
                "--gradient_checkpointing=budget needs --activation_memory_gb, the GiB that activations may take on a worker");
    }

    public static GradientCheckpointing of(Policy policy) {
        return new GradientCheckpointing(policy, 0);
    }

    static GradientCheckpointing read(Settings settings) {
        long bytes = (long) Math.ceil(settings.number(Keys.ACTIVATION_MEMORY_GB) * GIB);
        String word = settings.text(Keys.GRADIENT_CHECKPOINTING).toLowerCase(Locale.ROOT);
        return new GradientCheckpointing(policy(word, bytes > 0), bytes);
    }

    private static Policy policy(String word, boolean budget) {
        if (word.equals("auto")) {
            return budget ? Policy.BUDGET : Policy.NONE;
        }
        return Arrays.stream(Policy.values())
                .filter(policy -> policy.word().equals(word))
                .findFirst()
                .or(() -> Settings.switchWord(word).map(on -> on ? Policy.FULL : Policy.NONE))
                .orElseThrow(() -> user(
                        "--gradient_checkpointing=%s: not one of True, False, auto, none, selective, full, budget",
                        word));
    }
}
