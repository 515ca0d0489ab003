package tutti.worker.tensor.torch;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorOptionalList;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import tutti.worker.tensor.Dimensions;

/** RMSNorm, and the sum of rows behind an embedding, in float32 whatever the activations are, some rows at a time. */
final class TorchNorm {
    private final TorchScratch scratch;

    TorchNorm(TorchScratch scratch) {
        this.scratch = scratch;
    }

    static long workspace(Dimensions d) {
        return workspace(d.rows(), d.hidden());
    }

    private static long workspace(long N, long C) {
        return 3 * TorchScratch.bytes(Float.BYTES, RowPieces.rows(N, C) * C)
                + TorchScratch.bytes(Float.BYTES, C)
                + TorchScratch.bytes(Float.BYTES, RowPieces.rows(N, C));
    }

    void forward(Tensor out, Tensor rstd, Tensor x, Tensor weight, double eps) {
        long N = x.size(0);
        long C = x.size(1);
        scratch.begin(workspace(N, C));
        Tensor wideRows = scratch.take(ScalarType.Float, RowPieces.rows(N, C), C);
        Tensor otherRows = scratch.take(ScalarType.Float, RowPieces.rows(N, C), C);
        Scalar channels = new Scalar((double) C);
        Scalar epsilon = new Scalar(eps);
        RowPieces.forEach(N, C, (from, count) -> {
            Tensor wide = RowPieces.of(wideRows, 0, count);
            Tensor other = RowPieces.of(otherRows, 0, count);
            Tensor r = RowPieces.of(rstd, from, count);
            wide.copy_(RowPieces.of(x, from, count));
            torch.mul_out(other, wide, wide);
            torch.sum_out(r, other, TorchOps.LAST, false, TorchOps.AS_IS);
            r.div_(channels).add_(epsilon).rsqrt_();
            wide.mul_(r.unsqueeze(1)).mul_(weight);
            RowPieces.of(out, from, count).copy_(wide);
        });
    }

    /** With g = dOut * w and n = x * rstd: dx += rstd * (g - n * mean(g * n)), dWeight += sum over rows of dOut * n. */
    void backward(Tensor dx, Tensor dWeight, Tensor dOut, Tensor x, Tensor weight, Tensor rstd) {
        long N = x.size(0);
        long C = x.size(1);
        scratch.begin(workspace(N, C));
        long rows = RowPieces.rows(N, C);
        Tensor normedRows = scratch.take(ScalarType.Float, rows, C);
        Tensor gRows = scratch.take(ScalarType.Float, rows, C);
        Tensor otherRows = scratch.take(ScalarType.Float, rows, C);
        Tensor sum = scratch.take(ScalarType.Float, C);
        Tensor means = scratch.take(ScalarType.Float, rows, 1);
        Scalar perChannel = new Scalar(1.0 / C);
        RowPieces.forEach(N, C, (from, count) -> {
            Tensor normed = RowPieces.of(normedRows, 0, count);
            Tensor g = RowPieces.of(gRows, 0, count);
            Tensor other = RowPieces.of(otherRows, 0, count);
            Tensor r = RowPieces.of(rstd, from, count).unsqueeze(1);
            normed.copy_(RowPieces.of(x, from, count));
            normed.mul_(r);
            g.copy_(RowPieces.of(dOut, from, count));
            torch.mul_out(other, g, normed);
            torch.sum_out(sum, other, TorchOps.FIRST, false, TorchOps.AS_IS);
            dWeight.add_(sum);
            g.mul_(weight);
            // other * w = g * n with g already weighted
            other.mul_(weight);
            Tensor mean = torch.sum_out(RowPieces.of(means, 0, count), other, TorchOps.LAST, true, TorchOps.AS_IS)
                    .mul_(perChannel);
            g.sub_(normed.mul_(mean)).mul_(r);
            Tensor target = RowPieces.of(dx, from, count);
            if (target.scalar_type().intern() == ScalarType.Float) {
                target.add_(g);
            } else {
                other.copy_(target);
                target.copy_(other.add_(g));
            }
        });
    }

    /**
     * Adds dOut (N,C) into the rows ids (N) of the float32 dTable. On a CPU index_add_ walks them in order, on one thread; on CUDA it adds
     * as threads come, while index_put_ sorts first and so gives the same bits every time.
     */
    void embeddingBackward(Tensor dTable, Tensor ids, Tensor dOut) {
        long N = dOut.size(0);
        long C = dOut.size(1);
        scratch.begin(workspace(N, C));
        Tensor wideRows = scratch.take(ScalarType.Float, RowPieces.rows(N, C), C);
        RowPieces.forEach(N, C, (from, count) -> {
            Tensor wide = RowPieces.of(wideRows, 0, count).copy_(RowPieces.of(dOut, from, count));
            Tensor rows = RowPieces.of(ids, from, count);
            if (scratch.device().cuda()) {
                TensorOptionalList index = new TensorOptionalList();
                index.push_back(new TensorOptional(rows));
                dTable.index_put_(index, wide, true);
            } else {
                dTable.index_add_(0, rows, wide);
            }
        });
    }
}
