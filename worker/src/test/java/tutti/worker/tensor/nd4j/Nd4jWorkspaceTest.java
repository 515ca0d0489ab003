package tutti.worker.tensor.nd4j;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Dimensions;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.Segments;
import tutti.worker.tensor.Shape;
import tutti.worker.tensor.Tensor;

class Nd4jWorkspaceTest {

    static Stream<Arguments> dimensions() {
        return Stream.of(
                        new Dimensions(1, 1, 2, 3, 1, 1, 2, 5),
                        new Dimensions(96, 48, 64, 160, 4, 2, 16, 500),
                        new Dimensions(600, 600, 32, 64, 16, 16, 2, 9000),
                        new Dimensions(16, 8, 1024, 64, 2, 1, 8, 7))
                .flatMap(d -> Stream.of(DType.F32, DType.BF16).map(dtype -> Arguments.of(d, dtype)));
    }

    @ParameterizedTest
    @MethodSource("dimensions")
    void shouldNeverHoldMoreScratchThanWasPromised(Dimensions d, DType dtype) {
        try (Nd4jKernels kernels = new Nd4jKernels(1);
                Arena arena = kernels.arena("all", 128 << 20)) {
            kernels.reserve(d, dtype);
            useEveryKernel(kernels, arena, d, dtype);

            assertThat(kernels.scratchPeak()).isPositive().isLessThanOrEqualTo(kernels.workspaceBytes(d, dtype));
        }
    }

    static Stream<Arguments> ragged() {
        return Stream.of(
                // 11 heads of 600 tokens fit into the scores held at once, but all 16 of 512.
                Arguments.of(new Dimensions(600, 600, 32, 64, 16, 16, 2, 10), Segments.of(512)),
                // Each needs a larger mask than the one before.
                Arguments.of(new Dimensions(2600, 800, 8, 8, 4, 1, 2, 10), Segments.of(500, 600, 700, 800)));
    }

    @ParameterizedTest
    @MethodSource("ragged")
    void shouldKeepThePromiseForSegmentsThatAreShorterThanPlanned(Dimensions d, Segments segments) {
        try (Nd4jKernels kernels = new Nd4jKernels(1);
                Arena arena = kernels.arena("all", 16 << 20)) {
            int N = segments.queryStart()[segments.count()];
            Tensor q = arena.take("q", DType.F32, Shape.of(N, d.heads(), d.headDim()));
            Tensor dq = arena.take("dq", DType.F32, q.shape());
            Tensor k = arena.take("k", DType.F32, Shape.of(N, d.kvHeads(), d.headDim()));
            Tensor dk = arena.take("dk", DType.F32, k.shape());
            Tensor dv = arena.take("dv", DType.F32, k.shape());

            kernels.attentionBackward(dq, dk, dv, q, q, k, k, segments, 0.1);

            assertThat(kernels.scratchPeak()).isPositive().isLessThanOrEqualTo(kernels.workspaceBytes(d, DType.F32));
        }
    }

    private static void useEveryKernel(Kernels kernels, Arena arena, Dimensions d, DType dtype) {
        int N = d.rows();
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
        Segments segments = Segments.uniform(N / d.length(), d.length());
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
