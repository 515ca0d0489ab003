package tutti.worker.tensor.torch;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Device;
import tutti.worker.tensor.Dimensions;
import tutti.worker.tensor.EveryKernel;
import tutti.worker.tensor.Segments;

class TorchWorkspaceTest {
    private static final Bf16Products NATIVE = Bf16Products.natively("a test");
    /** Of every size. */
    private static final Bf16Products WIDENED = new Bf16Products(1, "a test");

    static Stream<Arguments> batches() {
        return Stream.of(
                        Arguments.of(new Dimensions(1, 1, 2, 3, 1, 1, 2, 5), Segments.of(1)),
                        Arguments.of(new Dimensions(96, 48, 64, 160, 4, 2, 16, 500), Segments.uniform(2, 48)),
                        Arguments.of(new Dimensions(96, 48, 64, 160, 4, 2, 16, 500), Segments.of(1, 47, 30, 2, 2)),
                        Arguments.of(new Dimensions(600, 600, 32, 64, 16, 16, 2, 9000), Segments.of(600)),
                        Arguments.of(new Dimensions(600, 600, 32, 64, 16, 2, 2, 9000), Segments.of(129, 300, 128)),
                        Arguments.of(new Dimensions(900, 300, 16, 8, 32, 32, 4, 20), Segments.of(300, 200, 200, 200)),
                        Arguments.of(new Dimensions(16, 8, 1024, 64, 2, 1, 8, 7), Segments.uniform(2, 8)))
                .flatMap(batch -> Stream.of(
                        Arguments.of(batch.get()[0], batch.get()[1], DType.F32, NATIVE),
                        Arguments.of(batch.get()[0], batch.get()[1], DType.BF16, NATIVE),
                        Arguments.of(batch.get()[0], batch.get()[1], DType.BF16, WIDENED)));
    }

    @ParameterizedTest
    @MethodSource("batches")
    void shouldNotTakeMoreScratchInAStepThanWasReserved(
            Dimensions d, Segments segments, DType dtype, Bf16Products bf16) {
        try (TorchKernels kernels = new TorchKernels(Device.CPU, 1, bf16);
                Arena arena = kernels.arena("all", 128 << 20)) {
            kernels.reserve(d, dtype);
            EveryKernel.use(kernels, arena, d, dtype, segments);

            assertThat(kernels.scratchBytes()).isEqualTo(kernels.workspaceBytes(d, dtype));
        }
    }
}
