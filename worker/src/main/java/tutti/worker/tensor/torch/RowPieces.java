package tutti.worker.tensor.torch;

import org.bytedeco.pytorch.Tensor;

/** Cuts rows into pieces whose temporaries stay in the cache, each in a scope of its own. */
final class RowPieces {
    private RowPieces() {}

    /** Rows of the largest piece of N rows of {@code width} elements. */
    static long rows(Tuning tuning, long N, long width) {
        return Math.max(1, Math.min(N, tuning.rows() / width));
    }

    static void forEach(Tuning tuning, long N, long width, Piece piece) {
        long step = rows(tuning, N, width);
        if (step >= N) {
            // The scope of the kernel call is enough, and a scope is garbage.
            piece.run(0, N);
            return;
        }
        for (long from = 0; from < N; from += step) {
            long start = from;
            TorchKernels.scoped(() -> piece.run(start, Math.min(step, N - start)));
        }
    }

    /** Rows {@code from .. from+count-1}; all rows are the tensor itself, which saves a handle. */
    static Tensor of(Tensor tensor, long from, long count) {
        return count == tensor.size(0) ? tensor : tensor.narrow(0, from, count);
    }

    @FunctionalInterface
    interface Piece {
        void run(long from, long count);
    }
}
