package tutti.worker.tensor.torch;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.FloatBuffer;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Device;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.Shape;
import tutti.worker.tensor.Tensor;

class Bf16ProductsTest {

    @ParameterizedTest(name = "{0}: {3}")
    @CsvSource({
        "AMD Zen 5, AuthenticAMD, sse2 avx512f avx512_bf16 avx512_vp2intersect, false, faster than float32",
        "AMD Zen 3, AuthenticAMD, sse2 avx2 vaes, true, emulation",
        "Intel with AMX, GenuineIntel, sse2 avx512_bf16 avx512_fp16 amx_bf16 amx_tile, false, amx_bf16",
        "Intel without AMX, GenuineIntel, sse2 avx512_bf16 hle avx512_fp16 hle, true, slower than float32",
        "Intel Cooper Lake, GenuineIntel, sse2 avx512_bf16 avx512_vnni, false, faster than float32",
        "Intel Ice Lake, GenuineIntel, sse2 avx512f avx512_vnni, true, emulation",
    })
    void shouldTellTheWayByTheProcessor(String name, String vendor, String flags, boolean widened, String reason) {
        String core = "processor\t: %d\nvendor_id\t: %s\nmodel name\t: %s\nflags\t\t: %s\nvmx flags\t: amx_bf16\n\n";
        Bf16Products products =
                Bf16Products.of(core.formatted(0, vendor, name, flags) + core.formatted(1, vendor, name, flags));

        assertThat(products.widened()).isEqualTo(widened);
        assertThat(products.reason()).contains(reason);
    }

    @ParameterizedTest
    @CsvSource({"processor : 0", "Features : fp asimd bf16 i8mm", "''", "flags :", "flags"})
    void shouldStayNativeWhereTheProcessorCannotBeTold(String cpuinfo) {
        assertThat(Bf16Products.of(cpuinfo).widened()).isFalse();
    }

    static Stream<Arguments> products() {
        return Stream.of(DType.BF16, DType.F32)
                .flatMap(out -> Stream.of(false, true)
                        .flatMap(transposeA ->
                                Stream.of(false, true).map(transposeB -> Arguments.of(out, transposeA, transposeB))));
    }

    /** Sides beyond one tile. */
    @ParameterizedTest(name = "{0} from transposeA={1} transposeB={2}")
    @MethodSource("products")
    void shouldGiveNearlyTheSameProductsBothWays(DType dtype, boolean transposeA, boolean transposeB) {
        int m = 1100;
        int k = 1030;
        int n = 2050;
        try (Kernels natively = new TorchKernels(Device.CPU, 1, Bf16Products.natively("a test"));
                Kernels widened = new TorchKernels(Device.CPU, 1, new Bf16Products(1, "a test"));
                Arena arena = widened.arena("both", 96 << 20)) {
            Tensor a = transposeA ? random(arena, widened, k, m) : random(arena, widened, m, k);
            Tensor b = transposeB ? random(arena, widened, n, k) : random(arena, widened, k, n);
            Tensor expected = arena.take("expected", dtype, Shape.of(m, n));
            Tensor out = arena.take("out", dtype, Shape.of(m, n));
            widened.fill(expected, 3);
            widened.fill(out, 3);
            natively.matmul(expected, a, transposeA, b, transposeB, true);
            widened.matmul(out, a, transposeA, b, transposeB, true);

            // The largest of these sums lie between 128 and 256, where neighbours in BF16 are 1 apart.
            assertThat(difference(widened, arena, out, expected)).isLessThanOrEqualTo(1);
        }
    }

    private static Tensor random(Arena arena, Kernels kernels, int rows, int columns) {
        Tensor wide = arena.take("wide", DType.F32, Shape.of(rows, columns));
        Random random = new Random(rows * 31L + columns);
        FloatBuffer numbers = wide.bytes().asFloatBuffer();
        while (numbers.hasRemaining()) {
            numbers.put((float) random.nextGaussian());
        }
        Tensor narrow = arena.take("narrow", DType.BF16, wide.shape());
        kernels.copy(narrow, wide);
        return narrow;
    }

    private static double difference(Kernels kernels, Arena arena, Tensor a, Tensor b) {
        Tensor wideA = arena.take("wide", DType.F32, a.shape());
        Tensor wideB = arena.take("wide", DType.F32, b.shape());
        kernels.copy(wideA, a);
        kernels.copy(wideB, b);
        FloatBuffer x = wideA.bytes().asFloatBuffer();
        FloatBuffer y = wideB.bytes().asFloatBuffer();
        double largest = 0;
        for (int i = 0; i < x.capacity(); i++) {
            largest = Math.max(largest, Math.abs(x.get(i) - y.get(i)));
        }
        return largest;
    }
}
