package tutti.test.numeric;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tutti.test.support.TrainSpec;

/** {@code --virtual_ranks}: whoever holds them, the bits are those of as many workers. */
class VirtualRanksTest {
    /** Of two batches: one of two micro-batches on each of four virtual ranks, and one in which only the last has a sample. */
    private static final int SAMPLES = 9;

    @TempDir
    Path folder;

    private Path data;

    @BeforeEach
    void writeData() throws IOException {
        List<String> all = Files.readAllLines(TrainSpec.writeData(folder));
        data = Files.write(folder.resolve("few.jsonl"), all.subList(0, SAMPLES));
    }

    @ParameterizedTest(name = "bf16 {0}, zero {1}")
    @CsvSource({"false,0", "true,0", "true,2"})
    void shouldLeaveTheSameBitsHoweverManyWorkersHoldThem(boolean bf16, int zero) throws Exception {
        InProcessRun apart = run(0, 4, bf16, zero);
        assertThat(apart.losses()).hasSize(12);
        for (int workers : new int[] {4, 2, 1}) {
            assertSameBits(run(4, workers, bf16, zero), apart, workers);
        }
    }

    @Test
    void shouldLeaveTheSameBitsWhereWorkersAreNoPowerOfTwo() throws Exception {
        assertSameBits(run(6, 3, false, 0), run(0, 6, false, 0), 3);
    }

    private static void assertSameBits(InProcessRun run, InProcessRun apart, int workers) {
        assertThat(run.losses()).as("losses of %d workers", workers).isEqualTo(apart.losses());
        assertThat(run.gradNorms()).as("grad norms of %d workers", workers).isEqualTo(apart.gradNorms());
        assertThat(run.hashes())
                .as("weights of %d workers", workers)
                .hasSize(workers)
                .containsOnly(apart.hashes().get(0));
    }

    private InProcessRun run(int virtualRanks, int workers, boolean bf16, int zero) throws Exception {
        Map<String, String> flags = TrainSpec.flags(data, folder.resolve("out"), 1, 2);
        flags.put("virtual_ranks", Integer.toString(virtualRanks));
        flags.put("nproc_per_node", Integer.toString(workers));
        flags.put("bf16", Boolean.toString(bf16));
        flags.put("zero", Integer.toString(zero));
        flags.put("bucket_cap_mb", "0.1");
        flags.put("save_final_model", "False");
        return InProcessRun.of(flags, workers);
    }
}
