package tutti.worker.tensor.torch;

import java.nio.IntBuffer;
import java.util.Arrays;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import tutti.worker.tensor.Kernels;

/**
 * Linear + cross-entropy over the labelled rows only, a chunk of rows at a time. hidden, dHidden (N,C); head, dHead (V,C).
 * Logits of BF16 inputs leave the product rounded to BF16; log-sum-exp, probabilities and the loss of a chunk are float32,
 * the sum over chunks is float64.
 */
final class TorchCrossEntropy {
    /** Logits held at once: 16 MB of float32. */
    private static final long LOGITS_AT_ONCE = 1L << 22;

    private final Tensor hidden;
    private final Tensor head;
    /** Row numbers that carry a label, ascending, and their labels. */
    private final long[] rows;

    private final long[] labels;

    TorchCrossEntropy(Tensor hidden, Tensor head, IntBuffer labels) {
        this.hidden = hidden;
        this.head = head;
        int count = 0;
        for (int n = 0; n < labels.capacity(); n++) {
            count += labels.get(n) == Kernels.IGNORE ? 0 : 1;
        }
        this.rows = new long[count];
        this.labels = new long[count];
        int next = 0;
        for (int n = 0; n < labels.capacity(); n++) {
            if (labels.get(n) != Kernels.IGNORE) {
                this.rows[next] = n;
                this.labels[next++] = labels.get(n);
            }
        }
    }

    double forward() {
        return forEachChunk((index, picked, label) -> {
            Tensor logits = picked.mm(head.t()).to(ScalarType.Float);
            return loss(logits, logits.logsumexp(new long[] {1}, true), label);
        });
    }

    /** Overwrites dHidden, adds the gradient into the float32 dHead. */
    double backward(Tensor dHidden, Tensor dHead, double gradScale) {
        dHidden.zero_();
        return forEachChunk((index, picked, label) -> {
            Tensor logits = picked.mm(head.t()).to(ScalarType.Float);
            Tensor logSum = logits.logsumexp(new long[] {1}, true);
            double loss = loss(logits, logSum, label);
            // dLogits = gradScale * (softmax - onehot), made in the memory of the logits
            Tensor p = logits.sub_(logSum).exp_();
            Tensor minusOne =
                    torch.full(new long[] {label.size(0), 1}, new Scalar(-1.0), new TensorOptions(ScalarType.Float));
            p.scatter_add_(1, label, minusOne);
            Tensor dLogits = p.mul_(new Scalar(gradScale)).to(hidden.scalar_type());
            dHidden.index_copy_(0, index, dLogits.mm(head));
            dHead.add_(dLogits.t().mm(picked));
            return loss;
        });
    }

    private static double loss(Tensor logits, Tensor logSum, Tensor label) {
        return logSum.sub(torch.gather(logits, 1, label))
                .to(ScalarType.Double)
                .sum()
                .item_double();
    }

    private double forEachChunk(Chunk chunk) {
        int step = (int) Math.max(1, LOGITS_AT_ONCE / head.size(0));
        double loss = 0;
        for (int from = 0; from < rows.length; from += step) {
            int start = from;
            int end = Math.min(rows.length, from + step);
            loss += TorchKernels.scopedDouble(() -> {
                Tensor index = torch.tensor(Arrays.copyOfRange(rows, start, end));
                Tensor label =
                        torch.tensor(Arrays.copyOfRange(labels, start, end)).unsqueeze(1);
                return chunk.run(index, torch.index_select(hidden, 0, index), label);
            });
        }
        return loss;
    }

    /** index (n) and label (n,1) I64, picked (n,C): the next labelled rows. Returns the sum of their losses. */
    @FunctionalInterface
    private interface Chunk {
        double run(Tensor index, Tensor picked, Tensor label);
    }
}
