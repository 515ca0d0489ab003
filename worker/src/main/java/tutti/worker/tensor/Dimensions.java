package tutti.worker.tensor;

/**
 * The largest sizes that one pass hands to the kernels, from which a backend knows its scratch.
 *
 * @param rows token rows of a batch (N)
 * @param length rows of the longest segment
 * @param hidden channels of the residual stream (C)
 * @param intermediate channels of the MLP (I)
 * @param heads query heads (H)
 * @param kvHeads key heads (G)
 * @param headDim channels of a head (D)
 * @param vocabulary rows of the head (V)
 */
public record Dimensions(
        int rows, int length, int hidden, int intermediate, int heads, int kvHeads, int headDim, int vocabulary) {}
