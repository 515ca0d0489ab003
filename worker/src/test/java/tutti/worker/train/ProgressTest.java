package tutti.worker.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class ProgressTest {
    private final AtomicLong clock = new AtomicLong();
    private final Progress progress = new Progress(clock::get);

    @Test
    void shouldTellForHowLongAComputationHasStoodStill() {
        progress.at("forward of step 3");
        clock.addAndGet(5);
        assertThat(progress.stuck()).isEqualTo(5);
        progress.gotOn();
        assertThat(progress.stuck()).isZero();
        clock.addAndGet(7);
        assertThat(progress.stuck()).isEqualTo(7);
        assertThat(progress.doing()).isEqualTo("forward of step 3");
    }

    @Test
    void shouldNotTakeAWaitForAComputationThatStandsStill() {
        clock.addAndGet(5);
        assertThat(progress.stuck()).as("before any work").isZero();
        progress.at("update of step 3");
        progress.waits("waiting for orders");
        clock.addAndGet(5);
        assertThat(progress.stuck()).isZero();
        assertThat(progress.still()).isEqualTo(5);
        progress.gotOn();
        clock.addAndGet(5);
        assertThat(progress.stuck()).isZero();
    }
}
