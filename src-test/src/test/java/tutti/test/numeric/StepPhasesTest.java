package tutti.test.numeric;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.common.protocol.WorkerReport.StepTimes;
import tutti.test.support.TrainSpec;

/** Where the time of a step goes, on a clock that ticks once whenever it is read. */
class StepPhasesTest {
    private static final long MILLISECOND = 1_000_000;

    @TempDir
    Path folder;

    @Test
    void shouldCutAStepIntoPhasesThatAddUp() throws Exception {
        Path output = Files.createDirectories(folder.resolve("out"));
        Map<String, String> flags = TrainSpec.flags(TrainSpec.writeData(folder), output, 2, 2);
        flags.put("max_steps", "2");
        flags.put("gradient_checkpointing", "False");
        AtomicLong ticks = new AtomicLong();
        InProcessRun run = InProcessRun.of(flags, 1, () -> ticks.addAndGet(MILLISECOND));

        // Reading the samples is a tick of data. Two micro-batches: each adds a tick to data, forward and backward, and
        // one
        // between them and what comes
        // before. So does their virtual rank, to zeroing. One rank has no buckets to wait for.
        StepTimes expected = new StepTimes(18, 3, 2, 0, 2, 3, 1, 2, 1);
        assertThat(run.times()).hasSize(2).containsOnly(expected);
    }
}
