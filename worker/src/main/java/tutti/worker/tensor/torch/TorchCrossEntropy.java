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
 * vocabulary is cut into blocks, so that every product has a shape that the hardware likes; where logits are BF16 each block is
 * dense, so that no operand needs repacking.
 *
 * <p>Logits of BF16 inputs leave a native product rounded to BF16; softmax, probabilities minus one-hot and the loss are float32,
 * then the gradient of the logits is rounded in the place of the logits. Where products are widened, logits and their gradient stay
 * float32. Sums over blocks and chunks are float32, of losses float64.
 */
final class TorchCrossEntropy {
    /** Products take a multiple of so many rows, the last ones zero: oneDNN compiles and keeps code for each shape it meets. */
    private static final long GRAIN = 16;

    private final TorchScratch scratch;
    private final TorchProducts products;
    private final Tuning tuning;
    private final Tensor hidden;
    private final Tensor head;
    private final ScalarType dtype;
    /** Of the operands of a native product, and of logits. */
    private final ScalarType computed;

    private final long C;
    private final long V;
    /** Row numbers that carry a label, ascending, and their labels. */
    private final long[] rows;

    private final long[] labels;

    TorchCrossEntropy(TorchScratch scratch, TorchProducts products, Tensor hidden, Tensor head, IntBuffer labels) {
        this.scratch = scratch;
        this.products = products;
        this.tuning = scratch.tuning();
        this.hidden = hidden;
        this.head = head;
        this.dtype = hidden.scalar_type().intern();
        this.computed = tuning.bf16().widened() ? ScalarType.Float : dtype;
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
    static long workspace(Dimensions d, int elementBytes, Tuning tuning) {
        return workspace(elementBytes, tuning, d.rows(), d.hidden(), d.vocabulary());
    }

    private static long workspace(int elementBytes, Tuning tuning, long N, long C, long V) {
        long n = Math.min(tuning.chunk(), padded(N));
        long v = Math.min(tuning.block(), V);
        int logitBytes = tuning.bf16().widened() ? Float.BYTES : elementBytes;
        long picked = TorchScratch.bytes(elementBytes, n * C)
                + (logitBytes == elementBytes ? 0 : TorchScratch.bytes(logitBytes, n * C));
        long logits = logitBytes == Float.BYTES
                ? TorchScratch.bytes(Float.BYTES, n * V)
                : TorchScratch.bytes(logitBytes, n * v) * blocks(V, tuning)
                        + TorchScratch.bytes(Float.BYTES, atOnce(tuning, n, V) * V);
        long losses = 3 * TorchScratch.bytes(Float.BYTES, n);
        long dHidden = TorchScratch.bytes(Float.BYTES, n * C) + TorchScratch.bytes(elementBytes, n * C);
        long product = TorchProducts.workspace(Math.max(n, v), Math.max(n, v), C, elementBytes, tuning);
        return picked + logits + losses + dHidden + product;
    }

    private static long padded(long n) {
        return (n + GRAIN - 1) / GRAIN * GRAIN;
    }

    private static int blocks(long V, Tuning tuning) {
        return (int) ((V + tuning.block() - 1) / tuning.block());
    }

    private static long atOnce(Tuning tuning, long n, long V) {
        return Math.min(n, Math.max(1, tuning.logits() / V));
    }

    double forward() {
        return forEachChunk((index, label, n) -> losses(logits(pick(index, n)), label, n, false));
    }

    /** Overwrites dHidden, adds the gradient into the float32 dHead. */
    double backward(Tensor dHidden, Tensor dHead, double gradScale) {
        dHidden.zero_();
        return forEachChunk((index, label, n) -> {
            Tensor picked = pick(index, n);
            Logits dLogits = logits(picked);
            double loss = losses(dLogits, label, n, true);
            Tensor sum = scratch.take(ScalarType.Float, picked.size(0), C).zero_();
            for (int block = 0; block < dLogits.blocks.length; block++) {
                long from = block * tuning.block();
                Tensor d = dLogits.blocks[block];
                long v = d.size(1);
                scoped(() -> {
                    products.add(sum, d, RowPieces.of(head, from, v), gradScale);
                    products.add(RowPieces.of(dHead, from, v), d.t(), picked, gradScale);
                });
            }
            Tensor rounded = scratch.take(dtype, picked.size(0), C).copy_(sum);
            dHidden.index_copy_(0, index, RowPieces.of(rounded, 0, n));
            return loss;
        });
    }

    /** The n labelled rows, and zeros up to a multiple of the grain. */
    private Tensor pick(Tensor index, long n) {
        Tensor picked = scratch.take(dtype, padded(n), C);
        torch.index_select_out(RowPieces.of(picked, 0, n), hidden, 0, index);
        zeroBehind(picked, n);
        return computed == dtype
                ? picked
                : scratch.take(computed, picked.size(0), C).copy_(picked);
    }

    private static void zeroBehind(Tensor rows, long n) {
        if (n < rows.size(0)) {
            rows.narrow(0, n, rows.size(0) - n).zero_();
        }
    }

    private Logits logits(Tensor picked) {
        Logits logits = new Logits(picked.size(0));
        for (int block = 0; block < logits.blocks.length; block++) {
            Tensor out = logits.blocks[block];
            long from = block * tuning.block();
            scoped(() -> products.set(
                    out, picked, RowPieces.of(head, from, out.size(1)).t()));
        }
        return logits;
    }

    /** A chunk's logits (rows,V) in blocks of the vocabulary. */
    private final class Logits {
        private final Tensor[] blocks = new Tensor[blocks(V, tuning)];
        /** Float32: all rows, of which the blocks are columns, or room for some rows of dense blocks. */
        private final Tensor wide;

        Logits(long rows) {
            wide = scratch.take(ScalarType.Float, narrow() ? atOnce(tuning, rows, V) : rows, V);
            for (int block = 0; block < blocks.length; block++) {
                long from = block * tuning.block();
                long v = Math.min(tuning.block(), V - from);
                blocks[block] = narrow() ? scratch.take(computed, rows, v) : wide.narrow(1, from, v);
            }
        }

        private boolean narrow() {
            return computed != ScalarType.Float;
        }

        /** Rows in float32: a copy that the next call overwrites, or the rows themselves. */
        Tensor read(long from, long count) {
            if (!narrow()) {
                return RowPieces.of(wide, from, count);
            }
            Tensor rows = RowPieces.of(wide, 0, count);
            for (int block = 0; block < blocks.length; block++) {
                rows.narrow(1, block * tuning.block(), blocks[block].size(1))
                        .copy_(RowPieces.of(blocks[block], from, count));
            }
            return rows;
        }

        /** Puts back what {@link #read} gave, changed. */
        void write(long from, Tensor rows) {
            for (int block = 0; narrow() && block < blocks.length; block++) {
                RowPieces.of(blocks[block], from, rows.size(0))
                        .copy_(rows.narrow(1, block * tuning.block(), blocks[block].size(1)));
            }
        }
    }

    /**
     * The sum of the losses of n rows. With {@code gradient} the logits become softmax minus one-hot, and zero in the rows
     * behind them.
     *
     * @param label I64 (n,1)
     */
    private double losses(Logits logits, Tensor label, long n, boolean gradient) {
        long step = atOnce(tuning, n, V);
        Tensor wanted = scratch.take(ScalarType.Float, n, 1);
        Tensor largest = scratch.take(ScalarType.Float, n, 1);
        Tensor share = scratch.take(ScalarType.Float, n, 1);
        Pieces labelPieces = new Pieces(label, step);
        Pieces wantedPieces = new Pieces(wanted, step);
        Pieces largestPieces = new Pieces(largest, step);
        Pieces sharePieces = new Pieces(share, step);
        Tensor minusOnes = scratch.device().minusOne().expand(step, 1);
        for (long i = 0; i < labelPieces.count(); i++) {
            long piece = i;
            scoped(() -> {
                Tensor labels = labelPieces.get(piece);
                long count = labels.size(0);
                Tensor rows = logits.read(piece * step, count);
                torch.gather_out(wantedPieces.get(piece), rows, 1, labels);
                torch.amax_out(largestPieces.get(piece), rows, TorchOps.LAST, true);
                TorchOps.softmax(rows, rows, 1);
                torch.amax_out(sharePieces.get(piece), rows, TorchOps.LAST, true);
                if (gradient) {
                    rows.scatter_add_(1, labels, minusOnes);
                    logits.write(piece * step, rows);
                }
            });
        }
        for (int block = 0; gradient && block < logits.blocks.length; block++) {
            zeroBehind(logits.blocks[block], n);
        }
        // log sum exp = largest - log(share of the largest): exact however large the logits are.
        return largest.sub_(share.log_())
                .sub_(wanted)
                .to(ScalarType.Double)
                .sum()
                .item_double();
    }

    private double forEachChunk(Chunk chunk) {
        scratch.begin(workspace((int) hidden.element_size(), tuning, Math.max(1, rows.length), C, V));
        double loss = 0;
        for (int from = 0; from < rows.length; from += (int) tuning.chunk()) {
            int start = from;
            int end = Math.min(rows.length, from + (int) tuning.chunk());
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
