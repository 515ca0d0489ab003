package tutti.common.config;

import static tutti.common.error.TuttiException.require;

import java.time.Duration;
import java.util.Locale;
import tutti.common.config.TrainConfig.Backend;

/**
 * How gradients travel.
 *
 * @param bucketBytes gradients that travel as one collective call
 * @param reduceDType what travels between nodes
 * @param timeoutSeconds without progress, after which a peer counts as lost
 * @param secure frames are signed with a key of the coordinator, which is the one that asks: all nodes do as the first one says
 */
public record AllReduceConfig(int bucketBytes, ReduceDType reduceDType, int timeoutSeconds, boolean secure) {

    /** What gradients are between nodes. Sums are float32 in any case, and nothing is rounded inside a node. */
    public enum ReduceDType {
        FLOAT32,
        /** Half the bytes: what a node sends is rounded. */
        BFLOAT16;

        public String word() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    public AllReduceConfig {
        require(bucketBytes >= 1024, "--bucket_cap_mb: %d bytes are too few; at least 1 KiB", bucketBytes);
        require(timeoutSeconds >= 1, "--allreduce_timeout=%d: at least 1 second", timeoutSeconds);
    }

    /** For which a computation may stand still where nobody waits for it: far more than any one pass through a layer takes. */
    public Duration hung() {
        return Duration.ofSeconds(20L * timeoutSeconds);
    }

    void requireGradientsOf(Backend backend) {
        require(
                reduceDType == ReduceDType.FLOAT32 || backend != Backend.REFERENCE,
                "--reduce_dtype %s: the reference backend's gradients are float64, which travel as they are; leave it out",
                reduceDType.word());
    }

    static AllReduceConfig read(Settings settings) {
        double megabytes = settings.number(Keys.BUCKET_CAP_MB);
        require(megabytes > 0 && megabytes <= 1024, "--bucket_cap_mb=%s: more than 0, at most 1024", megabytes);
        return new AllReduceConfig(
                (int) (megabytes * (1 << 20)),
                settings.choice(Keys.REDUCE_DTYPE, ReduceDType.class),
                settings.int32(Keys.ALLREDUCE_TIMEOUT),
                settings.flag(Keys.SECURE_GRADIENTS));
    }
}
