package tutti.test.numeric;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tutti.test.support.TrainSpec;

/** {@code --zero 1} and {@code 2} beside their plain twin: each rank updates its shard, and nobody can tell from the weights. */
class ShardedOptimizerTest {
    @TempDir
    Path folder;

    @ParameterizedTest(name = "bf16 {0}, {1} ranks, buckets of {2} MiB")
    @CsvSource({
        "false, 2, 0.1",
        "true, 2, 0.1",
        "true, 4, 0.1",
        // A bucket of one grain is one rank's.
        "true, 4, 0.001"
    })
    void shouldLeaveTheBitsOfAWholeOptimizer(boolean bf16, int ranks, String bucketMiB) throws Exception {
        InProcessRun whole = run(bf16, ranks, 0, bucketMiB);
        for (int zero = 1; zero <= 2; zero++) {
            InProcessRun sharded = run(bf16, ranks, zero, bucketMiB);
            assertThat(sharded.hashes()).containsOnly(whole.hashes().get(0));
            assertThat(sharded.losses()).isEqualTo(whole.losses());
            assertThat(sharded.gradNorms()).isEqualTo(whole.gradNorms());
            assertThat(Files.mismatch(model(0), model(zero)))
                    .as("first byte in which the final models differ")
                    .isEqualTo(-1);
        }
    }

    private InProcessRun run(boolean bf16, int ranks, int zero, String bucketMiB) throws Exception {
        Map<String, String> flags = TrainSpec.flags(TrainSpec.writeData(folder), out(zero), 4 / ranks, 1);
        flags.put("bf16", Boolean.toString(bf16));
        flags.put("zero", Integer.toString(zero));
        flags.put("bucket_cap_mb", bucketMiB);
        Files.createDirectories(out(zero));
        return InProcessRun.of(flags, ranks);
    }

    private Path out(int zero) {
        return folder.resolve("zero-" + zero);
    }

    private Path model(int zero) {
        return out(zero).resolve("model.safetensors");
    }
}
