package tutti.worker.tensor.torch;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import tutti.worker.tensor.Dimensions;

/** Rotary embedding in float32 whatever the activations are, some rows at a time. */
final class TorchRope {
    private final TorchScratch scratch;

    TorchRope(TorchScratch scratch) {
        this.scratch = scratch;
    }

    static long workspace(Dimensions d, Tuning tuning) {
        return Math.max(
                workspace(tuning, d.rows(), d.heads(), d.headDim()),
                workspace(tuning, d.rows(), d.kvHeads(), d.headDim()));
    }

    private static long workspace(Tuning tuning, long N, long H, long D) {
        long rows = RowPieces.rows(tuning, N, H * D);
        return 3 * TorchScratch.bytes(Float.BYTES, rows * H * D / 2)
                + 2 * TorchScratch.bytes(Float.BYTES, rows * D / 2);
    }

    /** Rotates x (N,H,D) in place; cos, sin (P,D/2) float32; positions (N). */
    void rotate(Tensor x, Tensor cos, Tensor sin, Tensor positions, boolean inverse) {
        long N = x.size(0);
        long H = x.size(1);
        long half = x.size(2) / 2;
        scratch.begin(workspace(scratch.tuning(), N, H, 2 * half));
        long rows = RowPieces.rows(scratch.tuning(), N, H * 2 * half);
        Tensor aRows = scratch.take(ScalarType.Float, rows, H, half);
        Tensor bRows = scratch.take(ScalarType.Float, rows, H, half);
        Tensor turnedRows = scratch.take(ScalarType.Float, rows, H, half);
        Tensor cRows = scratch.take(ScalarType.Float, rows, half);
        Tensor sRows = scratch.take(ScalarType.Float, rows, half);
        Scalar plus = new Scalar(inverse ? -1.0 : 1.0);
        Scalar minus = new Scalar(inverse ? 1.0 : -1.0);
        RowPieces.forEach(scratch.tuning(), N, H * 2 * half, (from, count) -> {
            Tensor a = RowPieces.of(aRows, 0, count);
            Tensor b = RowPieces.of(bRows, 0, count);
            Tensor turned = RowPieces.of(turnedRows, 0, count);
            Tensor position = RowPieces.of(positions, from, count);
            Tensor c = torch.index_select_out(RowPieces.of(cRows, 0, count), cos, 0, position)
                    .unsqueeze(1);
            Tensor s = torch.index_select_out(RowPieces.of(sRows, 0, count), sin, 0, position)
                    .unsqueeze(1);
            Tensor first = RowPieces.of(x, from, count).narrow(2, 0, half);
            Tensor second = RowPieces.of(x, from, count).narrow(2, half, half);
            a.copy_(first);
            b.copy_(second);
            first.copy_(torch.mul_out(turned, a, c).addcmul_(b, s, minus));
            second.copy_(torch.mul_out(turned, b, c).addcmul_(a, s, plus));
        });
    }
}
