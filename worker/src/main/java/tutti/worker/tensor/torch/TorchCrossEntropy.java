package tutti.worker.tensor.torch;

import static tutti.worker.tensor.torch.TorchKernels.scoped;

import java.nio.IntBuffer;
import java.util.Arrays;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import tutti.worker.tensor.Dimensions;
import tutti.worker.tensor.Kernels;

/**
 * Linear + cross-entropy over the labelled rows only, a chunk of rows at a time. hidden, dHidden (N,C); head, dHead (V,C). The
 * vocabulary is cut into blocks, so that every product has a shape that the hardware likes and no operand needs repacking: the
 * logits of a chunk lie as one dense (rows,v) after the other.
 *
 * <p>Logits of BF16 inputs leave the product rounded to BF16; softmax, probabilities minus one-hot and the loss are float32, then
 * the gradient of the logits is rounded to the compute dtype in the place of the logits. Sums over blocks and chunks are float32,
 * of losses float64.
 */
final class TorchCrossEntropy {
    /** Rows of a chunk: the gradient of the head is added once for each. */
    private static final long CHUNK = 512;
    /** Rows of the head in one product. */
    private static final long BLOCK = 4096;
    /** Products take a multiple of so many rows, the last ones zero: oneDNN compiles and keeps code for each shape it meets. */
    private static final long GRAIN = 16;
    /** Float32 logits at once, in elements. */
    private static final long LOGITS_AT_ONCE = 1L << 21;

    private final TorchScratch scratch;
    private final Tensor hidden;
    private final Tensor head;
    private final ScalarType dtype;
    private final long C;
    private final long V;
    /** Row numbers that carry a label, ascending, and their labels. */
    private final long[] rows;

    private final long[] labels;

    TorchCrossEntropy(TorchScratch scratch, Tensor hidden, Tensor head, IntBuffer labels) {
        this.scratch = scratch;
        this.hidden = hidden;
        this.head = head;
        this.dtype = hidden.scalar_type().intern();
        this.C = hidden.size(1);
        this.V = head.size(0);
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

    /** Bytes of scratch that a pass takes at most; {@code elementBytes} of the compute dtype. */
    static long workspace(Dimensions d, int elementBytes) {
        return workspace(elementBytes, d.rows(), d.hidden(), d.vocabulary());
    }

    private static long workspace(int elementBytes, long N, long C, long V) {
        long n = Math.min(CHUNK, padded(N));
        long v = Math.min(BLOCK, V);
        long blocks = (V + BLOCK - 1) / BLOCK;
        long logits = TorchScratch.bytes(elementBytes, n * v) * blocks;
        long picked = TorchScratch.bytes(elementBytes, n * C);
        long wideRows = TorchScratch.bytes(Float.BYTES, atOnce(n, V) * V) + 3 * TorchScratch.bytes(Float.BYTES, n);
        long dHidden = TorchScratch.bytes(elementBytes, n * C) + 2 * TorchScratch.bytes(Float.BYTES, n * C);
        long dHead = elementBytes == Float.BYTES ? 0 : TorchProducts.workspace(v * C);
        return logits + picked + wideRows + dHidden + dHead;
    }

    private static long padded(long n) {
        return (n + GRAIN - 1) / GRAIN * GRAIN;
    }

    private static long atOnce(long n, long V) {
        return Math.min(n, Math.max(1, LOGITS_AT_ONCE / V));
    }

    double forward() {
        return forEachChunk((index, label, n) -> {
            Tensor picked = pick(index, n);
            Tensor[] logits = logits(picked);
            return losses(logits, label, n, false);
        });
    }

    /** Overwrites dHidden, adds the gradient into the float32 dHead. */
    double backward(Tensor dHidden, Tensor dHead, double gradScale) {
        dHidden.zero_();
        return forEachChunk((index, label, n) -> {
            Tensor picked = pick(index, n);
            Tensor[] dLogits = logits(picked);
            double loss = losses(dLogits, label, n, true);
            long rows = picked.size(0);
            Tensor sum = scratch.take(ScalarType.Float, rows, C);
            Tensor wide = scratch.take(ScalarType.Float, rows, C);
            Tensor product = scratch.take(dtype, rows, C);
            long mark = scratch.used();
            for (int block = 0; block < dLogits.length; block++) {
                long from = block * BLOCK;
                long v = dLogits[block].size(1);
                Tensor d = dLogits[block];
                boolean first = block == 0;
                scoped(() -> {
                    TorchOps.mm(product, d, RowPieces.of(head, from, v), gradScale);
                    if (first) {
                        sum.copy_(product);
                    } else {
                        wide.copy_(product);
                        sum.add_(wide);
                    }
                    scratch.rewind(mark);
                    TorchProducts.addProduct(scratch, RowPieces.of(dHead, from, v), d.t(), picked, gradScale);
                });
            }
            product.copy_(sum);
            dHidden.index_copy_(0, index, RowPieces.of(product, 0, n));
            return loss;
        });
    }

    /** The n labelled rows, and zeros up to a multiple of the grain. */
    private Tensor pick(Tensor index, long n) {
        Tensor picked = scratch.take(dtype, padded(n), C);
        torch.index_select_out(RowPieces.of(picked, 0, n), hidden, 0, index);
        zeroBehind(picked, n);
        return picked;
    }

    private static void zeroBehind(Tensor rows, long n) {
        if (n < rows.size(0)) {
            rows.narrow(0, n, rows.size(0) - n).zero_();
        }
    }

    /** One dense (rows,v) for each block of the vocabulary. */
    private Tensor[] logits(Tensor picked) {
        Tensor[] blocks = new Tensor[(int) ((V + BLOCK - 1) / BLOCK)];
        for (int block = 0; block < blocks.length; block++) {
            long from = block * BLOCK;
            long v = Math.min(BLOCK, V - from);
            blocks[block] = scratch.take(dtype, picked.size(0), v);
            torch.mm_out(blocks[block], picked, RowPieces.of(head, from, v).t());
        }
        return blocks;
    }

    /**
     * The sum of the losses of n rows. With {@code gradient} the logits become softmax minus one-hot, and zero in the rows
     * behind them.
     *
     * @param label I64 (n,1)
     */
    private double losses(Tensor[] logits, Tensor label, long n, boolean gradient) {
        long step = atOnce(n, V);
        Tensor wide = scratch.take(ScalarType.Float, step, V);
        Tensor wanted = scratch.take(ScalarType.Float, n, 1);
        Tensor largest = scratch.take(ScalarType.Float, n, 1);
        Tensor share = scratch.take(ScalarType.Float, n, 1);
        for (long from = 0; from < n; from += step) {
            long start = from;
            long count = Math.min(step, n - from);
            scoped(() -> {
                Tensor rows = RowPieces.of(wide, 0, count);
                Tensor labels = RowPieces.of(label, start, count);
                for (int block = 0; block < logits.length; block++) {
                    rows.narrow(1, block * BLOCK, logits[block].size(1))
                            .copy_(RowPieces.of(logits[block], start, count));
                }
                torch.gather_out(RowPieces.of(wanted, start, count), rows, 1, labels);
                torch.amax_out(RowPieces.of(largest, start, count), rows, TorchOps.LAST, true);
                TorchOps.softmax(rows, rows, 1);
                torch.amax_out(RowPieces.of(share, start, count), rows, TorchOps.LAST, true);
                if (gradient) {
                    rows.scatter_add_(1, labels, scratch.device().minusOne().expand(count, 1));
                    for (int block = 0; block < logits.length; block++) {
                        logits[block]
                                .narrow(0, start, count)
                                .copy_(rows.narrow(1, block * BLOCK, logits[block].size(1)));
                    }
                }
            });
        }
        for (int block = 0; gradient && block < logits.length; block++) {
            zeroBehind(logits[block], n);
        }
        // log sum exp = largest - log(share of the largest): exact however large the logits are.
        return largest.sub_(share.log_())
                .sub_(wanted)
                .to(ScalarType.Double)
                .sum()
                .item_double();
    }

    private double forEachChunk(Chunk chunk) {
        scratch.begin(workspace((int) hidden.element_size(), Math.max(1, rows.length), C, V));
        double loss = 0;
        for (int from = 0; from < rows.length; from += (int) CHUNK) {
            int start = from;
            int end = Math.min(rows.length, from + (int) CHUNK);
            loss += TorchKernels.scopedDouble(() -> {
                scratch.rewind(0);
                Tensor index = onDevice(rows, start, end);
                Tensor label = onDevice(labels, start, end).unsqueeze(1);
                return chunk.run(index, label, end - start);
            });
        }
        return loss;
    }

    private Tensor onDevice(long[] values, int from, int to) {
        return scratch.device().place(torch.tensor(Arrays.copyOfRange(values, from, to)));
    }

    /** index (n) and label (n,1) I64 of the next n labelled rows. Returns the sum of their losses. */
    @FunctionalInterface
    private interface Chunk {
        double run(Tensor index, Tensor label, long n);
    }
}
