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

    static long workspace(Dimensions d, int elementBytes) {
        return workspace(elementBytes, d.rows(), d.intermediate());
    }

    private static long workspace(int elementBytes, long N, long I) {
        return 2 * TorchScratch.bytes(elementBytes, RowPieces.rows(N, I) * I);
    }

    void forward(Tensor out, Tensor gate, Tensor up) {
        RowPieces.forEach(out.size(0), out.size(1), (from, count) -> {
            Tensor rows = out.narrow(0, from, count);
            torch.silu_out(rows, gate.narrow(0, from, count));
            rows.mul_(up.narrow(0, from, count));
        });
    }

    void backward(Tensor dGate, Tensor dUp, Tensor dOut, Tensor gate, Tensor up) {
        long N = dOut.size(0);
        long I = dOut.size(1);
        scratch.begin(workspace((int) dOut.element_size(), N, I));
        Tensor activatedRows = scratch.take(dOut.scalar_type().intern(), RowPieces.rows(N, I), I);
        Tensor dActivatedRows = scratch.take(dOut.scalar_type().intern(), RowPieces.rows(N, I), I);
        RowPieces.forEach(N, I, (from, count) -> {
            Tensor d = dOut.narrow(0, from, count);
            Tensor g = gate.narrow(0, from, count);
            // Both inputs are read before either output is written: the outputs may be the inputs.
            Tensor activated = torch.silu_out(activatedRows.narrow(0, 0, count), g);
            Tensor dActivated = torch.mul_out(dActivatedRows.narrow(0, 0, count), d, up.narrow(0, from, count));
            torch.silu_backward_out(dGate.narrow(0, from, count), dActivated, g);
            torch.mul_out(dUp.narrow(0, from, count), d, activated);
        });
    }
}
