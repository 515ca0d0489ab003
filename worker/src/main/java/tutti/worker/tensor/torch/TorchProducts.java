package tutti.worker.tensor.torch;

import static tutti.worker.tensor.torch.TorchKernels.scoped;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import tutti.worker.tensor.Dimensions;

/** Matrix products, and their sum into a wider gradient, which libtorch does not offer on a CPU. */
final class TorchProducts {
    /** Elements that are widened at once: they stay in the cache until they are added. */
    private static final long PIECE = 1L << 18;

    private TorchProducts() {}

    /** Bytes of scratch for the gradient of the largest weight of a block; none where no dtype changes. */
    static long workspace(Dimensions d, int elementBytes) {
        long largest = Math.max((long) d.hidden() * d.intermediate(), (long) d.hidden() * d.heads() * d.headDim());
        return elementBytes == Float.BYTES ? 0 : workspace(largest);
    }

    static long workspace(long outputs) {
        return TorchScratch.bytes(Short.BYTES, outputs) + TorchScratch.bytes(Float.BYTES, Math.min(PIECE, outputs));
    }

    /**
     * out += alpha a b with out float32, whatever a and b are: a product of BF16 is rounded once, the sum is not. libtorch's own
     * addition of two dtypes runs an element at a time, so a piece is widened first.
     */
    static void addProduct(TorchScratch scratch, Tensor out, Tensor a, Tensor b, double alpha) {
        if (a.scalar_type().intern() == ScalarType.Float) {
            torch.addmm_out(out, out, a, b, TorchOps.ONE, new Scalar(alpha));
            return;
        }
        Tensor product = scratch.take(ScalarType.BFloat16, out.size(0), out.size(1));
        TorchOps.mm(product, a, b, alpha);
        long count = out.numel();
        Tensor wide = scratch.take(ScalarType.Float, Math.min(PIECE, count));
        Tensor flatOut = out.view(-1);
        Tensor flatProduct = product.view(-1);
        for (long from = 0; from < count; from += PIECE) {
            long start = from;
            long size = Math.min(PIECE, count - from);
            scoped(() -> {
                Tensor piece = RowPieces.of(wide, 0, size);
                piece.copy_(RowPieces.of(flatProduct, start, size));
                RowPieces.of(flatOut, start, size).add_(piece);
            });
        }
    }
}
