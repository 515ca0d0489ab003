package tutti.worker.agent;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import tutti.worker.tensor.DType;

class GradientMemoryTest {
    private static final long PLENTY = 1L << 40;
    /** Three terms and a page of metadata. */
    private static final long LOG = 3 * (4L << 20) + 4096;

    private static final long WINDOW = 8 * (64L << 10);

    @Test
    void shouldTakeNothingAlone() {
        assertThat(GradientMemory.of(1, 1, PLENTY, DType.F32).bytes()).isZero();
    }

    @Test
    void shouldMapALogEachWayForEveryPeerAndStageAWindowForEveryRank() {
        assertThat(GradientMemory.of(2, 2, PLENTY, DType.F32))
                .isEqualTo(new GradientMemory(2 * WINDOW, 2 * LOG, 2 * LOG));
        assertThat(GradientMemory.of(2, 4, PLENTY, DType.F64))
                .as("two neighbours, two ranks elsewhere")
                .isEqualTo(new GradientMemory(4 * WINDOW, 2 * LOG + 4 * LOG, 2 * LOG));
    }

    @Test
    void shouldShrinkTheLogsOfANodeWithLittleSharedMemory() {
        assertThat(GradientMemory.of(4, 4, 64L << 20, DType.F32).logs()).isEqualTo(6 * (3 * (1L << 20) + 4096));
    }
}
