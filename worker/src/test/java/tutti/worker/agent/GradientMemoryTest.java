package tutti.worker.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import tutti.worker.allreduce.Topology;

class GradientMemoryTest {
    private static final long PLENTY = 1L << 40;
    private static final int TERM = 4 << 20;
    /** Three terms and a page of metadata. */
    private static final long LOG = 3L * TERM + 4096;

    private static final long SMALL_LOG = 3 * (64L << 10) + 4096;
    private static final long WINDOW = 8 * (64L << 10);

    /** Each rank's copies of a short sum. */
    private static final long SHORT = 16 << 10;

    private static final long SEGMENT_HEAD = 4096 + 2 * SHORT;

    @Test
    void shouldTakeNothingAlone() {
        assertThat(GradientMemory.of(Topology.even(1, 1), 0, PLENTY).bytes(1000))
                .isZero();
    }

    @Test
    void shouldMapALogEachWayForEveryPeerAndStageAWindowForEveryOtherRank() {
        assertThat(GradientMemory.of(Topology.apart(2), 0, PLENTY))
                .as("one other contributor is added as it comes")
                .isEqualTo(new GradientMemory(Topology.apart(2), TERM, 0, 2 * SHORT, 2 * LOG, 0, 0, 1, PLENTY));
        assertThat(GradientMemory.of(Topology.apart(4), 3, PLENTY))
                .isEqualTo(new GradientMemory(
                        Topology.apart(4), TERM, 0, 3 * WINDOW + 4 * SHORT, 6 * log(1 << 20), 0, 0, 1, PLENTY));
    }

    @Test
    void shouldShareSegmentsOnOneNode() {
        // Rings of four stripes: two of contributions and one of sums.
        long segment = SEGMENT_HEAD + 3 * 4 * (128L << 10);
        Topology node = Topology.even(1, 2);
        GradientMemory memory = GradientMemory.of(node, 1, PLENTY);
        assertThat(memory)
                .isEqualTo(new GradientMemory(
                        node, 64 << 10, 128 << 10, 2 * SHORT, 2 * SMALL_LOG, 2 * SMALL_LOG, 2 * segment, 2, PLENTY));
        assertThat(2 * memory.bytes(1000) - memory.countedTwice(2, 1000))
                .as("a node has two logs and two segments")
                .isEqualTo(2 * (2 * SHORT + SMALL_LOG + segment));
        assertThat(memory.bytes(1000) - memory.bytes(0))
                .as("half of the other's gradients")
                .isEqualTo(500);
        assertThat(memory.bytes(PLENTY))
                .as("gradients that are too many to be shared")
                .isEqualTo(memory.bytes(0));
    }

    @Test
    void shouldStageASumForEveryOtherNode() {
        Topology nodes = Topology.even(3, 2);
        GradientMemory memory = GradientMemory.of(nodes, 4, PLENTY);
        assertThat(memory.staging()).isEqualTo(2 * WINDOW + 6 * SHORT);
        assertThat(memory.logs()).isEqualTo(2 * SMALL_LOG + 8 * log(1 << 20));
        assertThat(memory.segments()).isEqualTo(2 * (SEGMENT_HEAD + 3 * 4 * (128L << 10)));
    }

    @Test
    void shouldShareNoMemoryWhereANodeCannotAddItsRanksFirst() {
        // ((0+1)+(2+3))+(4+5) adds no three neighbours first.
        GradientMemory memory = GradientMemory.of(Topology.even(2, 3), 0, PLENTY);
        assertThat(memory.topology()).isEqualTo(Topology.apart(6));
        assertThat(memory.segments()).isZero();
        assertThat(memory.logs()).isEqualTo(4 * LOG + 6 * log(1 << 20));
    }

    @Test
    void shouldWriteLogsThatFitTheReceiversSocket() {
        // One rank is reached by three, and each of the three by one.
        Topology nodes = Topology.of(List.of(0, 0, 0, 1));
        assertThat(GradientMemory.of(nodes, 0, PLENTY).logs()
                        - GradientMemory.of(nodes, 0, PLENTY).sharedLogs())
                .isEqualTo(log(1 << 20) + LOG);
        assertThat(GradientMemory.of(nodes, 3, PLENTY).logs()).isEqualTo(3 * log(1 << 20) + 3 * LOG);
    }

    private static long log(int term) {
        return 3L * term + 4096;
    }

    @Test
    void shouldShrinkWhereThereIsLittleSharedMemory() {
        assertThat(GradientMemory.of(Topology.even(2, 3), 0, 64L << 20).termBytes())
                .isEqualTo(2 << 20);
        assertThat(GradientMemory.of(Topology.even(1, 8), 0, 64L << 20).stripeBytes())
                .isEqualTo(32 << 10);
        assertThat(GradientMemory.of(Topology.even(1, 8), 0, 1).stripeBytes()).isEqualTo(4 << 10);
    }
}
