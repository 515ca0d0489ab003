package tutti.worker.tensor.nd4j;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Segments;
import tutti.worker.tensor.Shape;
import tutti.worker.tensor.Tensor;

/** A batch without rows is no error: it changes nothing. */
class Nd4jNoRowsTest {

    @ParameterizedTest
    @EnumSource(names = {"F32", "BF16"})
    void shouldComputeNothingForABatchWithoutRows(DType dtype) {
        try (Nd4jKernels kernels = new Nd4jKernels(1);
                Arena arena = kernels.arena("all", 1 << 20)) {
            Tensor x = arena.take("x", dtype, Shape.of(0, 4));
            Tensor table = arena.take("table", dtype, Shape.of(5, 4));
            Tensor dTable = arena.take("dTable", DType.F32, Shape.of(5, 4));
            Tensor ids = arena.take("ids", DType.I32, Shape.of(0));
            Tensor q = arena.take("q", dtype, Shape.of(0, 2, 2));
            Segments none = Segments.of();
            kernels.fill(dTable, 3);

            kernels.embedding(x, table, ids);
            kernels.embeddingBackward(dTable, ids, x);
            kernels.attention(q, q, q, q, none, 1);
            kernels.attentionBackward(q, q, q, q, q, q, q, none, 1);

            assertThat(kernels.linearCrossEntropy(x, table, ids)).isZero();
            assertThat(kernels.linearCrossEntropyBackward(x, dTable, x, table, ids, 1))
                    .isZero();
            assertThat(kernels.squaredNorm(dTable)).isEqualTo(5 * 4 * 9);
        }
    }
}
