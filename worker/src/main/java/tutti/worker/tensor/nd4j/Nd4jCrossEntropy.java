package tutti.worker.tensor.nd4j;

import java.nio.IntBuffer;
import java.util.Arrays;
import org.bytedeco.javacpp.Pointer;
import org.nd4j.linalg.api.ndarray.INDArray;
import tutti.worker.tensor.Kernels;

/**
 * Linear + cross-entropy over the labelled rows only, a chunk of rows at a time. hidden, dHidden (N,C); head, dHead (V,C). All is
 * float32 but the sum of the losses, which the host makes in float64.
 */
final class Nd4jCrossEntropy {
    /** Logits held at once: 16 MB of float32, or one row. */
    private static final long LOGITS_AT_ONCE = 1L << 22;

    private final Call call;
    private final long N;
    private final long V;
    private final long C;
    private final long hidden;
    private final long head;
    /** Row numbers that carry a label, ascending, and their labels. */
    private final int[] rows;

    private final int[] labels;

    /** @param hidden address of (N,C), float32, as {@code head} (V,C) */
    Nd4jCrossEntropy(Call call, long N, long V, long C, long hidden, long head, IntBuffer labels) {
        this.call = call;
        this.N = N;
        this.V = V;
        this.C = C;
        this.hidden = hidden;
        this.head = head;
        int[] found = new int[labels.capacity()];
        int count = 0;
        for (int n = 0; n < labels.capacity(); n++) {
            if (labels.get(n) != Kernels.IGNORE) {
                found[count++] = n;
            }
        }
        this.rows = Arrays.copyOf(found, count);
        this.labels = Arrays.stream(rows).map(labels::get).toArray();
    }

    /** Rows whose logits are held together. */
    static long rowsAtOnce(long V) {
        return Math.max(1, LOGITS_AT_ONCE / V);
    }

    double forward() {
        return forEachChunk((inner, index, label, n) -> loss(inner, new Logits(inner, index, label, n)));
    }

    /** Overwrites dHidden (N,C), adds the gradient into dHead (V,C); both are addresses of float32. */
    double backward(long dHidden, long dHead, double gradScale) {
        Pointer.memset(new Block.At(dHidden, N * C * Float.BYTES), 0, N * C * Float.BYTES);
        return forEachChunk((inner, index, label, n) -> {
            Logits logits = new Logits(inner, index, label, n);
            double loss = loss(inner, logits);
            // dLogits = gradScale * (softmax - onehot), made in the memory of the logits
            INDArray p = inner.matrix(logits.values, n, V);
            Ops.divide(p, p, inner.matrix(logits.sums, n, 1));
            INDArray flat = inner.vector(logits.values, n * V);
            INDArray atLabels = inner.vector(inner.temporary(n), n);
            Ops.gather(atLabels, flat, logits.places);
            Ops.subtract(atLabels, atLabels, inner.scalar(1));
            Ops.scatter(flat, logits.places, atLabels);
            Ops.multiply(p, p, inner.scalar(gradScale));
            INDArray gradient = inner.matrix(inner.temporary(n * C), n, C);
            Ops.matmul(gradient, p, false, inner.matrix(head, V, C), false, 1, 0);
            Ops.scatter(inner.matrix(dHidden, N, C), index, gradient);
            Ops.matmul(inner.matrix(dHead, V, C), p, true, inner.matrix(logits.picked, n, C), false, 1, 1);
            return loss;
        });
    }

    /** The logits of some rows as exp(logit - largest), with all that is needed to go on from there. */
    private final class Logits {
        private final long picked;
        private final long values;
        private final long sums;
        private final long atLabels;
        private final int count;
        /** Where in the flat (n,V) values the label of each row lies. */
        private final INDArray places;

        Logits(Call inner, INDArray index, int[] label, int n) {
            count = n;
            picked = inner.temporary(n * C);
            Ops.gather(inner.matrix(picked, n, C), inner.matrix(hidden, N, C), index);
            values = inner.temporary(n * V);
            INDArray logits = inner.matrix(values, n, V);
            Ops.matmul(logits, inner.matrix(picked, n, C), false, inner.matrix(head, V, C), true, 1, 0);
            int[] place = new int[n];
            for (int i = 0; i < n; i++) {
                place[i] = Math.toIntExact(i * V + label[i]);
            }
            places = inner.index(place);
            // The exponential of the label's logit may be too small to keep, so its logarithm is kept instead.
            long largest = inner.temporary(n);
            atLabels = inner.temporary(n);
            Ops.gather(inner.vector(atLabels, n), inner.vector(values, n * V), places);
            sums = Softmax.exponentials(inner, values, n, V, largest);
            Ops.subtract(inner.vector(atLabels, n), inner.vector(atLabels, n), inner.vector(largest, n));
        }
    }

    private static double loss(Call inner, Logits logits) {
        float[] sums = inner.values(logits.sums, logits.count);
        float[] atLabels = inner.values(logits.atLabels, logits.count);
        double loss = 0;
        for (int i = 0; i < sums.length; i++) {
            loss += Math.log(sums[i]) - atLabels[i];
        }
        return loss;
    }

    private double forEachChunk(Chunk chunk) {
        int step = (int) Math.min(Integer.MAX_VALUE / 2, rowsAtOnce(V));
        double loss = 0;
        for (int from = 0; from < rows.length; from += step) {
            int end = Math.min(rows.length, from + step);
            try (Call inner = call.inner()) {
                INDArray index = inner.index(Arrays.copyOfRange(rows, from, end));
                loss += chunk.run(inner, index, Arrays.copyOfRange(labels, from, end), end - from);
            }
        }
        return loss;
    }

    /** {@code index}: the next n labelled rows; {@code label}: their labels. Returns the sum of their losses. */
    @FunctionalInterface
    private interface Chunk {
        double run(Call inner, INDArray index, int[] label, int n);
    }
}
