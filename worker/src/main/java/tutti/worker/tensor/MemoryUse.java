package tutti.worker.tensor;

/** What memory is for: the rows of a memory plan, in its order. */
public enum MemoryUse {
    /** The weights that products read, in the compute dtype; none where the master weights serve. */
    PARAMETERS("parameters (compute copy)"),
    MASTER_WEIGHTS("master weights"),
    GRADIENTS("gradients"),
    OPTIMIZER("optimizer state"),
    ACTIVATIONS("activations"),
    WORKSPACE("kernel workspace"),
    /** What the backend's library comes to hold by itself: compiled primitives, packed operands. Known by measuring only. */
    LIBRARY("library's own buffers"),
    BATCH("batch buffers"),
    ROPE("rope tables"),
    /** Keys, values and activations of the answers that an evaluation in training asks for. */
    ANSWERS("answers of an evaluation"),
    /** Staging of the all-reduce, and the logs through which gradients travel. */
    COMMUNICATION("communication buffers"),
    /** Through which a checkpoint goes to its files; it takes no copy of what it writes. */
    CHECKPOINT("checkpoint slice");

    private final String label;

    MemoryUse(String label) {
        this.label = label;
    }

    public String label() {
        return label;
    }
}
