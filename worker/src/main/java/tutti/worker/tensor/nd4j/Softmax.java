package tutti.worker.tensor.nd4j;

import org.nd4j.linalg.api.ndarray.INDArray;

/** Softmax in place, composed from passes over rows: faster than ND4J's own. */
final class Softmax {
    private Softmax() {}

    /**
     * x (rows, columns) becomes exp(x - largest of its row).
     *
     * @param largest address that takes the largest of each row (rows)
     * @return address of the sum of each row (rows)
     */
    static long exponentials(Call call, long x, long rows, long columns, long largest) {
        INDArray values = call.matrix(x, rows, columns);
        Ops.largestOfRows(call.vector(largest, rows), values);
        Ops.subtract(values, values, call.matrix(largest, rows, 1));
        Ops.exp(values, values);
        long sums = call.temporary(rows);
        Ops.matmul(call.matrix(sums, rows, 1), values, false, call.ones(columns), false, 1, 0);
        return sums;
    }

    /** x (rows, columns) becomes the softmax of each row. */
    static void overRows(Call call, long x, long rows, long columns) {
        long sums = exponentials(call, x, rows, columns, call.temporary(rows));
        INDArray values = call.matrix(x, rows, columns);
        Ops.divide(values, values, call.matrix(sums, rows, 1));
    }
}
