package tutti.worker.train;

import java.nio.file.Path;

/** Where a rank's weights and optimizer state come from when a generation begins. */
public sealed interface Origin {
    /** The model's folder; the optimizer begins anew. */
    record Model() implements Origin {}

    /** @param folder a committed checkpoint */
    record Checkpoint(Path folder) implements Origin {}

    /** @param rank that holds them, and gives them to all ranks of its generation by {@link Trainer#receive} */
    record Peer(int rank) implements Origin {}
}
