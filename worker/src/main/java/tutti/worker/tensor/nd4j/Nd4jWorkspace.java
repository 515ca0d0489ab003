package tutti.worker.tensor.nd4j;

import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Dimensions;

/**
 * How much scratch the largest operation takes. Every line counts the temporaries that one kernel holds at once, in elements of
 * float32; vectors of a row's or a column's length are in the slack of each.
 */
public final class Nd4jWorkspace {
    private final Dimensions d;
    /** 1 if activations are widened to float32 first, else 0. */
    private final long wide;

    private Nd4jWorkspace(Dimensions dimensions, DType compute) {
        this.d = dimensions;
        this.wide = compute == DType.F32 ? 0 : 1;
    }

    /** An upper bound in bytes; loads no library, so that a plan can be made anywhere. */
    public static long bytes(Dimensions dimensions, DType compute) {
        return new Nd4jWorkspace(dimensions, compute).bytes();
    }

    private long bytes() {
        long elements = Math.max(
                Math.max(Math.max(products(), attention()), Math.max(crossEntropy(), norm())),
                Math.max(rope(), pieces()));
        long vectors = 8L * (N() + C() + d.intermediate() + d.vocabulary()) + 4L * d.heads() * d.length();
        // Scalars and the alignment of each temporary.
        long slack = 1024L * Arena.ALIGNMENT;
        return (elements + vectors) * Float.BYTES + slack;
    }

    private long N() {
        return d.rows();
    }

    private long C() {
        return d.hidden();
    }

    private long queries() {
        return (long) d.heads() * d.headDim();
    }

    private long keys() {
        return (long) d.kvHeads() * d.headDim();
    }

    /** Both factors and the result. */
    private long products() {
        long widest = Math.max(d.intermediate(), Math.max(queries(), C()));
        return wide * (N() * C() + C() * widest + N() * widest);
    }

    /** Of backward: probabilities, their gradient, the product of both; the mask; all inputs and outputs. */
    private long attention() {
        long square = (long) d.length() * d.length();
        // More heads of a shorter segment are held at once, so it may take more than the longest.
        long scores = Math.min(d.heads() * square, Math.max(Nd4jAttention.SCORES_AT_ONCE, square));
        return 3 * scores + square + wide * N() * (3 * queries() + 4 * keys());
    }

    /** Of backward: logits, picked rows and their gradient; hidden, its gradient and the head. */
    private long crossEntropy() {
        long V = d.vocabulary();
        long rows = Math.min(N(), Nd4jCrossEntropy.rowsAtOnce(V));
        return rows * (V + 2 * C()) + 2 * rows + wide * (2 * N() * C() + V * C());
    }

    /** Of backward: two temporaries; dx, dOut, x. Embedding's backward takes no more: two temporaries and dOut. */
    private long norm() {
        return N() * C() * (2 + 3 * wide);
    }

    /** Three products of a half, the rows of both tables, x. */
    private long rope() {
        return 3 * N() * queries() / 2 + N() * d.headDim() + wide * N() * queries();
    }

    /** Of long vectors a piece at a time: at most eight temporaries of it. */
    private long pieces() {
        return 8L * Nd4jKernels.PIECE;
    }
}
