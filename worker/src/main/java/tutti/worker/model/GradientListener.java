package tutti.worker.model;

/** Told during backward which gradients are complete, so that their all-reduce can start. */
@FunctionalInterface
public interface GradientListener {
    /** Hears nothing: for micro-batches that are not the last of their step. */
    GradientListener NONE = part -> {};

    /** All gradients of {@code part} and of every later part are complete. See {@link ParameterSpec#part()}. */
    void ready(int part);
}
