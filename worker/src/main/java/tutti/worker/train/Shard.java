package tutti.worker.train;

import java.util.List;
import tutti.common.token.TokenizedExample;

/**
 * What one virtual rank trains on in one step.
 *
 * @param microBatches in their order; none in some shards of an epoch's last batch
 */
record Shard(List<List<TokenizedExample>> microBatches) {

    boolean isEmpty() {
        return microBatches.isEmpty();
    }

    long labelledTokens() {
        return microBatches.stream()
                .flatMap(List::stream)
                .mapToLong(TokenizedExample::labelledTokens)
                .sum();
    }
}
