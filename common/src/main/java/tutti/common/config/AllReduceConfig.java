package tutti.common.config;

import static tutti.common.error.TuttiException.require;

/**
 * How gradients travel.
 *
 * @param bucketBytes gradients that travel as one collective call
 * @param timeoutSeconds without progress, after which a peer counts as lost
 * @param secure frames are signed with a key of the coordinator, which is the one that asks: all nodes do as the first one says
 */
public record AllReduceConfig(int bucketBytes, int timeoutSeconds, boolean secure) {
    public AllReduceConfig {
        require(bucketBytes >= 1024, "--bucket_cap_mb: %d bytes are too few; at least 1 KiB", bucketBytes);
        require(timeoutSeconds >= 1, "--allreduce_timeout=%d: at least 1 second", timeoutSeconds);
    }

    static AllReduceConfig read(Settings settings) {
        double megabytes = settings.number(Keys.BUCKET_CAP_MB);
        require(megabytes > 0 && megabytes <= 1024, "--bucket_cap_mb=%s: more than 0, at most 1024", megabytes);
        return new AllReduceConfig(
                (int) (megabytes * (1 << 20)),
                settings.int32(Keys.ALLREDUCE_TIMEOUT),
                settings.flag(Keys.SECURE_GRADIENTS));
    }
}
