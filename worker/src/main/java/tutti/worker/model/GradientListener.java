package tutti.worker.model;

/** Told during backward where it is, so that the all-reduce of gradients that are complete can start. */
@FunctionalInterface
public interface GradientListener {
    /** Hears nothing: for micro-batches that are not the last of their step. */
    GradientListener NONE = part -> {};

    /** Gradients of {@code part} are written from now on; blocks while memory that they take is still needed. */
    default void begins(int part) {}

    /** All gradients of {@code part} and of every later part are complete. See {@link ParameterSpec#part()}. */
    void ready(int part);
}
