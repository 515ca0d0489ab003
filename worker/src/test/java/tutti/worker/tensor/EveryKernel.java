package tutti.worker.tensor;

import java.util.List;

/** Calls every operation of a training step once, at sizes inside the given dimensions: for what a backend holds meanwhile. */
public final class EveryKernel {
    private EveryKernel() {}

    /** @param segments of at most {@code d.rows()} rows in all, and of at most {@code d.length()} each */
    public static void use(Kernels kernels, Arena arena, Dimensions d, DType dtype, Segments segments) {
        int N = segments.queryStart()[segments.count()];
        Tensor x = arena.take("x", dtype, Shape.of(N, d.hidden()));
        Tensor y = arena.take("y", dtype, Shape.of(N, d.hidden()));
        Tensor z = arena.take("z", dtype, Shape.of(N, d.hidden()));
        Tensor gate = arena.take("gate", dtype, Shape.of(N, d.intermediate()));
        Tensor up = arena.take("up", dtype, Shape.of(N, d.intermediate()));
        Tensor matrix = arena.take("matrix", dtype, Shape.of(d.intermediate(), d.hidden()));
        Tensor gradient = arena.take("gradient", DType.F32, matrix.shape());
        Tensor weight = arena.take("weight", DType.F32, Shape.of(d.hidden()));
        Tensor rstd = arena.take("rstd", DType.F32, Shape.of(N));
        Tensor head = arena.take("head", dtype, Shape.of(d.vocabulary(), d.hidden()));
        Tensor dHead = arena.take("dHead", DType.F32, head.shape());
        Tensor ids = arena.take("ids", DType.I32, Shape.of(N));
        Tensor mask = arena.take("mask", DType.U8, x.shape());
        Tensor table = arena.take("table", DType.F32, Shape.of(1, d.headDim() / 2));
        Tensor q = arena.take("q", dtype, Shape.of(N, d.heads(), d.headDim()));
        Tensor dq = arena.take("dq", dtype, q.shape());
        Tensor k = arena.take("k", dtype, Shape.of(N, d.kvHeads(), d.headDim()));
        Tensor dk = arena.take("dk", dtype, k.shape());
        Tensor dv = arena.take("dv", dtype, k.shape());
        for (int n = 0; n < N; n++) {
            ids.bytes().putInt(n * Integer.BYTES, n % d.vocabulary());
        }
        Tensor positions = arena.take("positions", DType.I32, ids.shape());
        for (Tensor tensor : List.of(x, y, z, gate, up, matrix, q, k, head)) {
            kernels.fill(tensor, 0.01);
        }
        kernels.add(z, x, y);
        kernels.axpy(z, 2, x);
        kernels.scale(z, 2);
        kernels.squaredNorm(head);
        kernels.copy(gradient, matrix);
        kernels.copy(matrix, gradient);
        kernels.matmul(gate, x, false, matrix, true, false);
        kernels.matmul(x, gate, false, matrix, false, true);
        kernels.matmul(gradient, gate, true, x, false, true);
        kernels.embedding(x, head, ids);
        kernels.embeddingBackward(dHead, ids, x);
        kernels.rmsNorm(y, rstd, x, weight, 1e-6);
        kernels.rmsNormBackward(z, weight, y, x, weight, rstd);
        kernels.rope(q, table, table, positions, true);
        kernels.attention(dq, q, k, k, segments, 0.1);
        kernels.attentionBackward(dq, dk, dv, q, q, k, k, segments, 0.1);
        kernels.swigluBackward(gate, up, gate, gate, up);
        kernels.linearCrossEntropyBackward(y, dHead, x, head, ids, 0.1);
        kernels.dropout(x, x, mask, 0.1);
        kernels.adamW(dHead, head, dHead, dHead, dHead, new Kernels.AdamWStep(0, 0.9, 0.9, 1, 0, 1, 1));
    }
}
