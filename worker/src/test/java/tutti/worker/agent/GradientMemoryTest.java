package tutti.worker.agent;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import tutti.worker.tensor.DType;

class GradientMemoryTest {
    private static final long PLENTY = 1L << 40;
    private static final int TERM = 4 << 20;
    /** Three terms and a page of metadata. */
    private static final long LOG = 3L * TERM + 4096;

    private static final long SMALL_LOG = 3 * (64L << 10) + 4096;
    private static final long WINDOW = 8 * (64L << 10);

    @Test
    void shouldTakeNothingAlone() {
        assertThat(GradientMemory.of(1, 1, PLENTY, DType.F32, true).bytes()).isZero();
    }

    @Test
    void shouldMapALogEachWayForEveryPeerAndStageAWindowForEveryRank() {
        assertThat(GradientMemory.of(2, 2, PLENTY, DType.F32, false))
                .isEqualTo(new GradientMemory(TERM, 0, 2 * WINDOW, 2 * LOG, 2 * LOG, 0));
        assertThat(GradientMemory.of(2, 4, PLENTY, DType.F64, true))
                .as("two neighbours, two ranks elsewhere")
                .isEqualTo(new GradientMemory(TERM, 0, 4 * WINDOW, 2 * LOG + 4 * LOG, 2 * LOG, 0));
    }

    @Test
    void shouldShareSegmentsOnOneNode() {
        // A header, and rings of four stripes: two of contributions and one of sums.
        long segment = 4096 + 3 * 4 * (128L << 10);
        GradientMemory memory = GradientMemory.of(2, 2, PLENTY, DType.F32, true);
        assertThat(memory)
                .isEqualTo(new GradientMemory(64 << 10, 128 << 10, 0, 2 * SMALL_LOG, 2 * SMALL_LOG, 2 * segment));
        assertThat(2 * memory.bytes() - memory.countedTwice(2))
                .as("a node has two logs and two segments")
                .isEqualTo(2 * SMALL_LOG + 2 * segment);
    }

    @Test
    void shouldShrinkWhereThereIsLittleSharedMemory() {
        assertThat(GradientMemory.of(4, 4, 64L << 20, DType.F32, false).logs()).isEqualTo(6 * (3 * (1L << 20) + 4096));
        assertThat(GradientMemory.of(8, 8, 64L << 20, DType.F32, true).stripeBytes())
                .isEqualTo(32 << 10);
        assertThat(GradientMemory.of(8, 8, 1, DType.F32, true).stripeBytes()).isEqualTo(4 << 10);
    }
}
