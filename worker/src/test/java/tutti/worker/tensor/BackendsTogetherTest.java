package tutti.worker.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.worker.tensor.nd4j.Nd4jKernels;
import tutti.worker.tensor.torch.TorchKernels;

/** libtorch and ND4J bring libraries of the same names: whichever is loaded first must not break the other. */
class BackendsTogetherTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"torch,nd4j", "nd4j,torch"})
    void shouldComputeInOneProcessInEitherOrder(String order) throws Exception {
        Path output = folder.resolve("output");
        Process child = new ProcessBuilder(List.of(
                        System.getProperty("java.home") + File.separator + "bin" + File.separator + "java",
                        "-XX:-UsePerfData",
                        "-cp",
                        System.getProperty("java.class.path"),
                        BackendsTogetherTest.class.getName(),
                        order))
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        try {
            assertThat(child.waitFor(4, TimeUnit.MINUTES)).isTrue();
        } finally {
            child.destroyForcibly();
        }
        assertThat(Files.readString(output)).contains("torch 16.0", "nd4j 16.0");
        assertThat(child.exitValue()).isZero();
    }

    public static void main(String[] order) {
        for (String name : order[0].split(",")) {
            try (Kernels kernels = name.equals("torch") ? new TorchKernels(2) : new Nd4jKernels(2);
                    Arena arena = kernels.arena("a", 1 << 20)) {
                Tensor x = arena.take("x", DType.F32, Shape.of(64, 64));
                Tensor product = arena.take("product", DType.F32, Shape.of(64, 64));
                kernels.fill(x, 0.5);
                kernels.matmul(product, x, false, x, true, false);
                System.out.println(kernels.name() + " " + product.bytes().getFloat());
            }
        }
    }
}
