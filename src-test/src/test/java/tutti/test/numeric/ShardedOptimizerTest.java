package tutti.test.numeric;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tutti.test.support.TrainSpec;

/** {@code --zero 1} beside its plain twin: each rank updates its shard, and nobody can tell from the weights. */
class ShardedOptimizerTest {
    @TempDir
    Path folder;

    @ParameterizedTest(name = "bf16 {0}, {1} ranks")
    @CsvSource({"false, 2", "true, 2", "true, 4"})
    void shouldLeaveTheBitsOfAWholeOptimizer(boolean bf16, int ranks) throws Exception {
        InProcessRun whole = run(bf16, ranks, 0);
        InProcessRun sharded = run(bf16, ranks, 1);
        assertThat(sharded.hashes()).containsOnly(whole.hashes().get(0));
        assertThat(sharded.losses()).isEqualTo(whole.losses());
        assertThat(sharded.gradNorms()).isEqualTo(whole.gradNorms());
        assertThat(Files.mismatch(model(0), model(1)))
                .as("first byte in which the final models differ")
                .isEqualTo(-1);
    }

    private InProcessRun run(boolean bf16, int ranks, int zero) throws Exception {
        Map<String, String> flags = TrainSpec.flags(TrainSpec.writeData(folder), out(zero), 4 / ranks, 1);
        flags.put("bf16", Boolean.toString(bf16));
        flags.put("zero", Integer.toString(zero));
        // Several buckets, each cut among the ranks.
        flags.put("bucket_cap_mb", "0.1");
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
