package tutti.worker.tensor.nd4j;

import org.bytedeco.javacpp.PointerScope;
import org.nd4j.linalg.api.memory.Deallocatable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.CustomOp;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.api.ops.Op;
import org.nd4j.linalg.api.ops.OpContext;
import org.nd4j.linalg.api.ops.impl.scalar.ReplaceNans;
import org.nd4j.linalg.api.ops.impl.transforms.any.Assign;
import org.nd4j.linalg.api.ops.impl.transforms.floating.Sqrt;
import org.nd4j.linalg.api.ops.impl.transforms.same.Abs;
import org.nd4j.linalg.api.ops.impl.transforms.same.Reciprocal;
import org.nd4j.linalg.api.ops.impl.transforms.strict.Exp;
import org.nd4j.linalg.api.ops.impl.transforms.strict.Rint;
import org.nd4j.linalg.api.ops.impl.transforms.strict.Sigmoid;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The ND4J operations that the kernels are made of. The first argument is written; it may be one of the others where each element
 * depends on its own place only. None of them leaves anything behind to free.
 */
final class Ops {
    private static final CustomOp ADD = named("add");
    private static final CustomOp SUBTRACT = named("subtract");
    private static final CustomOp MULTIPLY = named("multiply");
    private static final CustomOp DIVIDE = named("divide");
    private static final CustomOp MAXIMUM = named("maximum");
    private static final CustomOp ASSIGN = named("assign");
    private static final CustomOp MATMUL = named("matmul");
    private static final CustomOp LARGEST = named("reduce_max");
    private static final CustomOp GATHER = named("gather");
    private static final CustomOp SCATTER = named("scatter_upd");

    private Ops() {}

    // ---- with broadcasting: y is as x, or one row, one column or one element of it ----

    static void add(INDArray z, INDArray x, INDArray y) {
        run(ADD, z, null, null, x, y);
    }

    static void subtract(INDArray z, INDArray x, INDArray y) {
        run(SUBTRACT, z, null, null, x, y);
    }

    static void multiply(INDArray z, INDArray x, INDArray y) {
        run(MULTIPLY, z, null, null, x, y);
    }

    static void divide(INDArray z, INDArray x, INDArray y) {
        run(DIVIDE, z, null, null, x, y);
    }

    static void maximum(INDArray z, INDArray x, INDArray y) {
        run(MAXIMUM, z, null, null, x, y);
    }

    /** Every element of z becomes the one of {@code scalar}, converted to z's type. */
    static void fill(INDArray z, INDArray scalar) {
        run(ASSIGN, z, null, null, z, scalar);
    }

    // ---- element by element ----

    /** Converts to the type of z; to bfloat16 it rounds to nearest even, and is wrong for most NaN: see {@link #quietNaN}. */
    static void cast(INDArray z, INDArray x) {
        run(new Assign(x, z));
    }

    static void exp(INDArray z, INDArray x) {
        run(new Exp(x, z));
    }

    static void sigmoid(INDArray z, INDArray x) {
        run(new Sigmoid(x, z));
    }

    static void sqrt(INDArray z, INDArray x) {
        run(new Sqrt(x, z));
    }

    static void reciprocal(INDArray z, INDArray x) {
        run(new Reciprocal(x, z));
    }

    static void abs(INDArray z, INDArray x) {
        run(new Abs(x, z));
    }

    /** To the nearest integer, ties to even. */
    static void round(INDArray z, INDArray x) {
        run(new Rint(x, z));
    }

    /** Every NaN of z becomes {@code nan}, one that survives the cast to bfloat16. */
    static void quietNaN(INDArray z, INDArray nan) {
        ReplaceNans op;
        PointerScope shape = new PointerScope();
        try {
            op = new ReplaceNans();
        } finally {
            shape.close();
        }
        // A number that its constructor makes.
        free(op.scalar().data());
        op.setX(z);
        op.setZ(z);
        op.setScalar(nan);
        run(op);
    }

    // ---- products, reductions, rows ----

    /** {@code c = alpha * op(a) op(b) + beta * c}; all are matrices whose columns lie beside each other. */
    static void matmul(
            INDArray c, INDArray a, boolean transposeA, INDArray b, boolean transposeB, double alpha, double beta) {
        long[] transposed = {transposeA ? 1 : 0, transposeB ? 1 : 0, 0};
        run(MATMUL, c, new double[] {alpha, beta}, transposed, a, b);
    }

    /** The largest of each row of x (rows, columns) into z (rows). */
    static void largestOfRows(INDArray z, INDArray x) {
        run(LARGEST, z, null, new long[] {1}, x);
    }

    /** Rows of x picked by {@code index}, in its order. */
    static void gather(INDArray z, INDArray x, INDArray index) {
        run(GATHER, z, null, new long[] {0}, x, index);
    }

    /** Overwrites the rows of z that {@code index} names, each at most once, by those of x. */
    static void scatter(INDArray z, INDArray index, INDArray x) {
        run(SCATTER, z, null, null, z, index, x);
    }

    /** Sum of products of two float64 vectors. */
    static double dot(INDArray x, INDArray y) {
        return Nd4j.getBlasWrapper().level1().dot(x.length(), 1, x, y);
    }

    // ---- how they are run ----

    private static CustomOp named(String name) {
        return DynamicCustomOp.builder(name).build();
    }

    private static void run(Op op) {
        Nd4j.getExecutioner().exec(op);
    }

    private static void run(CustomOp op, INDArray out, double[] reals, long[] integers, INDArray... in) {
        OpContext context = Nd4j.getExecutioner().buildContext();
        try {
            // Not try-with-resources: javac -Xlint warns of a resource that its block never names.
            PointerScope arguments = new PointerScope();
            try {
                for (int i = 0; i < in.length; i++) {
                    context.setInputArray(i, in[i]);
                }
                context.setOutputArray(0, out);
                if (reals != null) {
                    context.setTArguments(reals);
                }
                if (integers != null) {
                    context.setIArguments(integers);
                }
            } finally {
                arguments.close();
            }
            Nd4j.getExecutioner().exec(op, context);
        } finally {
            free(context);
        }
    }

    /** Deletes the native side now; ND4J's own close() leaves part of it to the garbage collector. */
    static void free(Object owner) {
        ((Deallocatable) owner).deallocator().deallocate();
    }
}
