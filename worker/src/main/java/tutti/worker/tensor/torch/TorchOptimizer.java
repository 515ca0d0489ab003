package tutti.worker.tensor.torch;

import java.util.List;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import tutti.worker.tensor.Kernels.AdamWStep;

/** Passes over long flat vectors, a piece at a time so that what a piece writes is read again from the cache. */
final class TorchOptimizer {
    /** libtorch updates so many elements with one instruction, and a shorter rest with other roundings: the rest is padded. */
    private static final long VECTOR = 16;

    /** Sums of squares that wait on the device. */
    private static final int AT_ONCE = 1024;

    private TorchOptimizer() {}

    static long workspace(Tuning tuning) {
        return TorchScratch.bytes(Double.BYTES, AT_ONCE) + TorchScratch.bytes(Double.BYTES, tuning.squares());
    }

    /**
     * The formula of Kernels.adamW by libtorch's one-pass kernel; then the piece is rounded into {@code copy}. All flat (n) float32,
     * copy of any floating dtype. The gradient is scaled in place.
     */
    static void adamW(
            TorchScratch scratch, Tensor weight, Tensor copy, Tensor m, Tensor v, Tensor grad, AdamWStep step) {
        scratch.begin(workspace(scratch.tuning()));
        Tensor number = scratch.take(ScalarType.Float);
        Tensor divisor = scratch.take(ScalarType.Float);
        number.fill_(new Scalar((double) step.t()));
        divisor.fill_(new Scalar(1 / step.gradScale()));
        Tensor padded = scratch.take(ScalarType.Float, 4, VECTOR);
        TorchOps.FusedAdamW fused = new TorchOps.FusedAdamW(number, divisor, step);
        long whole = weight.size(0) / VECTOR * VECTOR;
        long update = scratch.tuning().update();
        Pieces weights = new Pieces(weight.narrow(0, 0, whole), update);
        Pieces copies = copy == weight ? weights : new Pieces(copy.narrow(0, 0, whole), update);
        Pieces gradients = new Pieces(grad.narrow(0, 0, whole), update);
        Pieces firstMoments = new Pieces(m.narrow(0, 0, whole), update);
        Pieces secondMoments = new Pieces(v.narrow(0, 0, whole), update);
        for (long i = 0; i < weights.count(); i++) {
            long piece = i;
            TorchKernels.scoped(() -> {
                Tensor w = weights.get(piece);
                fused.update(w, gradients.get(piece), firstMoments.get(piece), secondMoments.get(piece));
                if (copies != weights) {
                    copies.get(piece).copy_(w);
                }
            });
        }
        long rest = weight.size(0) - whole;
        if (rest > 0) {
            Tensor[] tails = {weight, grad, m, v};
            padded.zero_();
            for (int i = 0; i < tails.length; i++) {
                padded.select(0, i).narrow(0, 0, rest).copy_(tails[i].narrow(0, whole, rest));
            }
            fused.update(padded.select(0, 0), padded.select(0, 1), padded.select(0, 2), padded.select(0, 3));
            for (int i = 0; i < tails.length; i++) {
                tails[i].narrow(0, whole, rest).copy_(padded.select(0, i).narrow(0, 0, rest));
            }
            if (copy != weight) {
                copy.narrow(0, whole, rest).copy_(weight.narrow(0, whole, rest));
            }
        }
    }

    /** Sum of squares of x (n) in float64, pieces in order. */
    static double squaredNorm(TorchScratch scratch, Tensor x, int threads) {
        scratch.begin(workspace(scratch.tuning()));
        long most = scratch.tuning().squares();
        Tensor square = scratch.take(ScalarType.Double);
        Tensor wide = scratch.take(ScalarType.Double, Math.min(most, x.size(0)));
        Pieces pieces = new Pieces(x, most);
        double sum = 0;
        for (long i = 0; i < pieces.count(); i++) {
            long piece = i;
            sum += TorchKernels.scopedDouble(() -> {
                Tensor some = pieces.get(piece);
                return sumSquares(square, RowPieces.of(wide, 0, some.size(0)), some, threads)
                        .item_double();
            });
        }
        return sum;
    }

    private static Tensor sumSquares(Tensor square, Tensor rows, Tensor x, int threads) {
        rows.copy_(x);
        // OpenBLAS would hand half of a dot to its other thread, whose waking takes a hundred times as long.
        return threads == 1
                ? torch.dot_out(square, rows, rows)
                : torch.sum_out(square, rows.mul_(rows), TorchOps.FIRST, false, TorchOps.AS_IS);
    }

    /** As above, of each part; none is longer than a piece, or they are summed one after the other. */
    static void squaredNorms(
            TorchScratch scratch, List<tutti.worker.tensor.Tensor> parts, double[] norms, int threads) {
        long longest =
                parts.stream().mapToLong(part -> part.shape().count()).max().orElse(0);
        for (int from = 0; from < parts.size(); from += AT_ONCE) {
            int first = from;
            int count = Math.min(AT_ONCE, parts.size() - from);
            TorchKernels.scoped(() -> {
                if (longest > scratch.tuning().squares()) {
                    for (int i = first; i < first + count; i++) {
                        norms[i] = squaredNorm(scratch, TorchKernels.flat(parts.get(i)), threads);
                    }
                    return;
                }
                scratch.begin(workspace(scratch.tuning()));
                Tensor squares = scratch.take(ScalarType.Double, AT_ONCE);
                Tensor wide = scratch.take(ScalarType.Double, longest);
                for (int i = 0; i < count; i++) {
                    int place = i;
                    TorchKernels.scoped(() -> {
                        Tensor x = TorchKernels.flat(parts.get(first + place));
                        sumSquares(squares.select(0, place), RowPieces.of(wide, 0, x.size(0)), x, threads);
                    });
                }
                Tensor host = squares.narrow(0, 0, count).cpu();
                new DoublePointer(host.data_ptr()).get(norms, first, count);
            });
        }
    }
}
