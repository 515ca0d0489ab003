package tutti.test.numeric;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.test.support.TrainSpec;

/** What a long run costs beyond the memory that was planned: little Java heap a step, and nothing that grows. */
class SteadyStateTest {
    private static final int STEPS = 100;
    private static final int WARM = 20;
    private static final long MEBIBYTE = 1 << 20;

    @TempDir
    Path folder;

    @ParameterizedTest(name = "bf16 {0}")
    @ValueSource(booleans = {false, true})
    void shouldAllocateLittleJavaHeapAStepAndLetNothingGrow(boolean bf16) throws Exception {
        Map<String, String> flags = TrainSpec.flags(TrainSpec.writeData(folder), folder.resolve("out"), 4, 1);
        flags.put("bf16", Boolean.toString(bf16));
        flags.put("max_steps", Integer.toString(STEPS));
        flags.put("num_train_epochs", Integer.toString(STEPS));
        flags.put("save_final_model", "False");
        long pointers = Pointer.totalCount();
        InProcessRun run = InProcessRun.of(flags, 1);

        List<Long> allocated = run.allocatedBytes();
        assertThat(allocated).hasSize(STEPS);
        long early = average(allocated.subList(WARM, WARM + 40));
        long late = average(allocated.subList(STEPS - 40, STEPS));
        assertThat(late).as("bytes of Java heap a step").isLessThan(MEBIBYTE);
        assertThat(late).as("a late step against an early one, %d bytes", early).isLessThan(early + early / 10);
        assertThat(Pointer.totalCount()).as("native objects after the run").isLessThanOrEqualTo(pointers + 100);
    }

    private static long average(List<Long> bytes) {
        return (long) bytes.stream().mapToLong(Long::longValue).average().orElseThrow();
    }
}
