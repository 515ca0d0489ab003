package tutti.worker.model;

/** What one block keeps from forward to backward, from the smallest to the fastest. */
public enum BlockPolicy {
    /** Its input: the rest is computed again, into buffers that all such blocks share. */
    FULL,
    /** Also what a product or attention made; norms and SwiGLU are computed again, into shared buffers. */
    SELECTIVE,
    /** Everything: nothing is computed again. */
    NONE
}
