package tutti.worker.model;

import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.Shape;
import tutti.worker.tensor.Tensor;

/** What one block's forward leaves for its backward, for up to N rows. All are overwritten by the next forward. */
final class BlockActivations {
    /** (N,C): normed input; (N): its rstd. */
    final Tensor normed1;

    final Tensor rstd1;
    /** (N,H*D), (N,G*D), (N,G*D), after rotation. */
    final Tensor q;

    final Tensor k;
    final Tensor v;
    /** (N,H*D). */
    final Tensor attended;
    /** (N,C): the residual stream between attention and MLP; its norm and rstd. */
    final Tensor middle;

    final Tensor normed2;
    final Tensor rstd2;
    /** (N,I). */
    final Tensor gate;

    final Tensor up;
    final Tensor activated;

    BlockActivations(Arena arena, Kernels kernels, LlamaConfig c, DType compute, long rows) {
        DType master = kernels.masterDType();
        long queries = (long) c.heads() * c.headDim();
        long keys = (long) c.kvHeads() * c.headDim();
        normed1 = arena.take("normed input", compute, Shape.of(rows, c.hidden()));
        rstd1 = arena.take("rstd of input", master, Shape.of(rows));
        q = arena.take("queries", compute, Shape.of(rows, queries));
        k = arena.take("keys", compute, Shape.of(rows, keys));
        v = arena.take("values", compute, Shape.of(rows, keys));
        attended = arena.take("attention", compute, Shape.of(rows, queries));
        middle = arena.take("residual after attention", compute, Shape.of(rows, c.hidden()));
        normed2 = arena.take("normed residual", compute, Shape.of(rows, c.hidden()));
        rstd2 = arena.take("rstd of residual", master, Shape.of(rows));
        gate = arena.take("gate", compute, Shape.of(rows, c.intermediate()));
        up = arena.take("up", compute, Shape.of(rows, c.intermediate()));
        activated = arena.take("gated", compute, Shape.of(rows, c.intermediate()));
    }

    private BlockActivations(BlockActivations all, long rows) {
        normed1 = all.normed1.rows(0, rows);
        rstd1 = all.rstd1.rows(0, rows);
        q = all.q.rows(0, rows);
        k = all.k.rows(0, rows);
        v = all.v.rows(0, rows);
        attended = all.attended.rows(0, rows);
        middle = all.middle.rows(0, rows);
        normed2 = all.normed2.rows(0, rows);
        rstd2 = all.rstd2.rows(0, rows);
        gate = all.gate.rows(0, rows);
        up = all.up.rows(0, rows);
        activated = all.activated.rows(0, rows);
    }

    /** The same memory for a batch of fewer rows. */
    BlockActivations rows(long rows) {
        return new BlockActivations(this, rows);
    }
}
