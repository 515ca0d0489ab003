package tutti.worker.tensor.nd4j;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Dimensions;
import tutti.worker.tensor.EveryKernel;
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
            EveryKernel.use(kernels, arena, d, dtype, Segments.uniform(d.rows() / d.length(), d.length()));

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
}
