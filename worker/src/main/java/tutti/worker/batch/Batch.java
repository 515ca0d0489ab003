package tutti.worker.batch;

import tutti.worker.tensor.Segments;
import tutti.worker.tensor.Tensor;

/**
 * One micro-batch of N token rows, sequences one after the other. The tensors are views into the builder's buffers: valid until
 * its next {@code build}.
 *
 * @param ids I32 (N)
 * @param positions I32 (N), from 0 in each sequence
 * @param labels I32 (N), shifted: the token that the row must predict, or {@code Kernels.IGNORE}
 * @param rows N
 * @param tokens rows that are not padding
 * @param labelled rows with a label
 */
public record Batch(
        Tensor ids, Tensor positions, Tensor labels, Segments segments, int rows, int tokens, int labelled) {}
