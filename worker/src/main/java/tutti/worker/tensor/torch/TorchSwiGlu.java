package tutti.worker.tensor.torch;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import tutti.worker.tensor.Dimensions;

/** SwiGLU in the dtype of the activations, some rows at a time. All (N,I). */
final class TorchSwiGlu {
    private final TorchScratch scratch;

    TorchSwiGlu(TorchScratch scratch) {
        this.scratch = scratch;
    }

    static long workspace(Dimensions d, int elementBytes, Tuning tuning) {
        return workspace(tuning, elementBytes, d.rows(), d.intermediate());
    }

    private static long workspace(Tuning tuning, int elementBytes, long N, long I) {
        return 2 * TorchScratch.bytes(elementBytes, RowPieces.rows(tuning, N, I) * I);
    }

    void forward(Tensor out, Tensor gate, Tensor up) {
        RowPieces.forEach(scratch.tuning(), out.size(0), out.size(1), (from, count) -> {
            Tensor rows = RowPieces.of(out, from, count);
            torch.silu_out(rows, RowPieces.of(gate, from, count));
            rows.mul_(RowPieces.of(up, from, count));
        });
    }

    void backward(Tensor dGate, Tensor dUp, Tensor dOut, Tensor gate, Tensor up) {
        long N = dOut.size(0);
        long I = dOut.size(1);
        scratch.begin(workspace(scratch.tuning(), (int) dOut.element_size(), N, I));
        Tensor activatedRows = scratch.take(dOut.scalar_type().intern(), RowPieces.rows(scratch.tuning(), N, I), I);
        Tensor dActivatedRows = scratch.take(dOut.scalar_type().intern(), RowPieces.rows(scratch.tuning(), N, I), I);
        RowPieces.forEach(scratch.tuning(), N, I, (from, count) -> {
            Tensor d = RowPieces.of(dOut, from, count);
            Tensor g = RowPieces.of(gate, from, count);
            // Both inputs are read before either output is written: the outputs may be the inputs.
            Tensor activated = torch.silu_out(RowPieces.of(activatedRows, 0, count), g);
            Tensor dActivated = torch.mul_out(RowPieces.of(dActivatedRows, 0, count), d, RowPieces.of(up, from, count));
            torch.silu_backward_out(RowPieces.of(dGate, from, count), dActivated, g);
            torch.mul_out(RowPieces.of(dUp, from, count), d, activated);
        });
    }
}
