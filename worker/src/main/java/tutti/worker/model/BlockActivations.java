package tutti.worker.model;

import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Shape;
import tutti.worker.tensor.Tensor;

/**
 * What one block's forward leaves for its backward, for up to N rows, overwritten by the next forward. Two sets, because one is
 * dear to compute again and the other is not; each may belong to one block or be shared.
 */
record BlockActivations(Products products, Elementwise elementwise) {

    /**
     * What a product or attention made.
     *
     * @param q (N,H*D) after rotation
     * @param k (N,G*D) after rotation
     * @param v (N,G*D)
     * @param attended (N,H*D)
     * @param middle (N,C): the residual stream between attention and MLP
     * @param gate (N,I)
     * @param up (N,I)
     */
    record Products(Tensor q, Tensor k, Tensor v, Tensor attended, Tensor middle, Tensor gate, Tensor up) {

        static Products take(Arena arena, LlamaConfig c, DType compute, long rows) {
            long queries = (long) c.heads() * c.headDim();
            long keys = (long) c.kvHeads() * c.headDim();
            return new Products(
                    arena.take("queries", compute, Shape.of(rows, queries)),
                    arena.take("keys", compute, Shape.of(rows, keys)),
                    arena.take("values", compute, Shape.of(rows, keys)),
                    arena.take("attention", compute, Shape.of(rows, queries)),
                    arena.take("residual after attention", compute, Shape.of(rows, c.hidden())),
                    arena.take("gate", compute, Shape.of(rows, c.intermediate())),
                    arena.take("up", compute, Shape.of(rows, c.intermediate())));
        }

        Products rows(long n) {
            return new Products(
                    q.rows(0, n),
                    k.rows(0, n),
                    v.rows(0, n),
                    attended.rows(0, n),
                    middle.rows(0, n),
                    gate.rows(0, n),
                    up.rows(0, n));
        }
    }

    /**
     * What follows from {@link Products} and the block's input, element by element or row by row.
     *
     * @param normed1 (N,C): normed input
     * @param rstd1 (N)
     * @param normed2 (N,C): normed residual after attention
     * @param rstd2 (N)
     * @param activated (N,I): SwiGLU's output
     */
    record Elementwise(Tensor normed1, Tensor rstd1, Tensor normed2, Tensor rstd2, Tensor activated) {

        static Elementwise take(Arena arena, LlamaConfig c, DType master, DType compute, long rows) {
            return new Elementwise(
                    arena.take("normed input", compute, Shape.of(rows, c.hidden())),
                    arena.take("rstd of input", master, Shape.of(rows)),
                    arena.take("normed residual", compute, Shape.of(rows, c.hidden())),
                    arena.take("rstd of residual", master, Shape.of(rows)),
                    arena.take("gated", compute, Shape.of(rows, c.intermediate())));
        }

        Elementwise rows(long n) {
            return new Elementwise(
                    normed1.rows(0, n), rstd1.rows(0, n), normed2.rows(0, n), rstd2.rows(0, n), activated.rows(0, n));
        }
    }

    /** Both sets. */
    static BlockActivations take(Arena arena, LlamaConfig c, DType master, DType compute, long rows) {
        return new BlockActivations(
                Products.take(arena, c, compute, rows), Elementwise.take(arena, c, master, compute, rows));
    }

    /** The same memory for a batch of fewer rows. */
    BlockActivations rows(long n) {
        return new BlockActivations(products.rows(n), elementwise.rows(n));
    }

    Tensor q() {
        return products.q;
    }

    Tensor k() {
        return products.k;
    }

    Tensor v() {
        return products.v;
    }

    Tensor attended() {
        return products.attended;
    }

    Tensor middle() {
        return products.middle;
    }

    Tensor gate() {
        return products.gate;
    }

    Tensor up() {
        return products.up;
    }

    Tensor normed1() {
        return elementwise.normed1;
    }

    Tensor rstd1() {
        return elementwise.rstd1;
    }

    Tensor normed2() {
        return elementwise.normed2;
    }

    Tensor rstd2() {
        return elementwise.rstd2;
    }

    Tensor activated() {
        return elementwise.activated;
    }
}
