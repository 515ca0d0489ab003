package tutti.test.numeric;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.common.protocol.WorkerReport.StepWire;
import tutti.test.support.TrainSpec;
import tutti.worker.allreduce.DroppedFrames;

/** What the collectives of a step are reported to have done: of that step, and of nothing before or behind it. */
class StepWireTest {
    private static final int RANKS = 2;
    private static final int STEPS = 3;
    private static final long GRADIENT_BYTES = 260_032L * Float.BYTES;

    @TempDir
    Path folder;

    @Test
    void shouldReportTheSameBytesInEveryStepAndTheTimesOfEveryBucket() throws Exception {
        Map<String, String> flags = TrainSpec.flags(TrainSpec.writeData(folder), folder.resolve("out"), 2, 1);
        flags.put("max_steps", Integer.toString(STEPS));
        flags.put("save_final_model", "False");
        flags.put("bucket_cap_mb", "0.25");
        InProcessRun run = InProcessRun.of(flags, RANKS);

        assertThat(run.wires()).hasSize(RANKS);
        List<StepWire> wires = run.wires().stream().flatMap(List::stream).toList();
        assertThat(wires).hasSize(RANKS * STEPS);
        long sent = wires.get(0).bytesSent() + run.wires().get(1).get(0).bytesSent();
        assertThat(sent).as("and a few numbers").isBetween(2 * GRADIENT_BYTES, 2 * GRADIENT_BYTES + 4096);
        for (int step = 0; step < STEPS; step++) {
            int at = step;
            assertThat(run.wires().stream()
                            .mapToLong(rank -> rank.get(at).bytesSent())
                            .sum())
                    .isEqualTo(sent);
        }
        assertThat(wires).allSatisfy(wire -> {
            assertThat(wire.busBytes()).as("half of it to the owner, half back").isEqualTo(GRADIENT_BYTES);
            assertThat(wire.busMillis()).isPositive().isLessThan(wire.millis());
            assertThat(wire.refusedOffers())
                    .as("this link refuses one in eight")
                    .isPositive();
            assertThat(wire.retransmits()).isZero();
            assertThat(wire.dropped()).hasSameSizeAs(DroppedFrames.Kind.values());
            assertThat(wire.buckets())
                    .hasSizeGreaterThan(2)
                    .allMatch(bucket -> bucket.total() > 0 && bucket.exposed() > 0);
        });
    }
}
