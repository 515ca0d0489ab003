package tutti.worker.tensor.torch;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import tutti.worker.tensor.Segments;

/** Zero where a query may look, -infinity above the diagonal. One float32 square serves every length up to its own. */
final class CausalMask implements AutoCloseable {
    private Tensor square;
    private long size;

    /** Makes the mask large enough. Called outside of a scope, because the mask outlives the kernel call. */
    void coverAll(Segments segments) {
        long longest = 0;
        for (int s = 0; s < segments.count(); s++) {
            // A single query, as in decoding, sees every key and needs no mask.
            longest = Math.max(longest, segments.queries(s) > 1 ? segments.keys(s) : 0);
        }
        if (longest <= size) {
            return;
        }
        close();
        try (Scalar hidden = new Scalar(Double.NEGATIVE_INFINITY);
                TensorOptions options = new TensorOptions(ScalarType.Float)) {
            square = torch.full(new long[] {longest, longest}, hidden, options);
            square.triu_(1);
            size = longest;
        }
    }

    /** The mask (T,S) of T queries whose last one is aligned with the last of S keys: the last T rows of an (S,S) mask. */
    Tensor lastRows(long T, long S) {
        return square.narrow(0, S - T, T).narrow(1, 0, S);
    }

    @Override
    public void close() {
        if (square != null) {
            square.close();
            square = null;
            size = 0;
        }
    }
}
