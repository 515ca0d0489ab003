package tutti.worker.tensor.torch;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * A tensor cut along its first dimension, for a loop over many pieces: libtorch makes all views at once, and a reference to one of
 * them is a third of the garbage that a handle of its own is. Dies with the scope that is open.
 */
final class Pieces {
    private final TensorVector pieces;

    /** @param most rows of a piece; the last one may have fewer */
    Pieces(Tensor whole, long most) {
        pieces = torch.split(whole, most);
    }

    long count() {
        return pieces.size();
    }

    Tensor get(long piece) {
        return pieces.get(piece);
    }
}
