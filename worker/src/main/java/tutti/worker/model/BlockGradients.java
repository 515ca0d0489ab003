package tutti.worker.model;

import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Shape;
import tutti.worker.tensor.Tensor;

/** Scratch of one block's backward, shared by all blocks. */
final class BlockGradients {
    /** (N,C). */
    final Tensor normed;
    /** (N,H*D), (N,H*D), (N,G*D), (N,G*D). */
    final Tensor attended;

    final Tensor q;
    final Tensor k;
    final Tensor v;
    /** (N,I) each. */
    final Tensor activated;

    final Tensor gate;
    final Tensor up;

    BlockGradients(Arena arena, LlamaConfig c, DType compute, long rows) {
        long queries = (long) c.heads() * c.headDim();
        long keys = (long) c.kvHeads() * c.headDim();
        normed = arena.take("gradient of a norm", compute, Shape.of(rows, c.hidden()));
        attended = arena.take("gradient of attention", compute, Shape.of(rows, queries));
        q = arena.take("gradient of queries", compute, Shape.of(rows, queries));
        k = arena.take("gradient of keys", compute, Shape.of(rows, keys));
        v = arena.take("gradient of values", compute, Shape.of(rows, keys));
        activated = arena.take("gradient of gated", compute, Shape.of(rows, c.intermediate()));
        gate = arena.take("gradient of gate", compute, Shape.of(rows, c.intermediate()));
        up = arena.take("gradient of up", compute, Shape.of(rows, c.intermediate()));
    }

    private BlockGradients(BlockGradients all, long rows) {
        normed = all.normed.rows(0, rows);
        attended = all.attended.rows(0, rows);
        q = all.q.rows(0, rows);
        k = all.k.rows(0, rows);
        v = all.v.rows(0, rows);
        activated = all.activated.rows(0, rows);
        gate = all.gate.rows(0, rows);
        up = all.up.rows(0, rows);
    }

    BlockGradients rows(long rows) {
        return new BlockGradients(this, rows);
    }
}
