package tutti.deploy.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class TimingTest {
    private long now;
    private int calls;

    /** Takes so many nanoseconds of the test's own clock. */
    private void call(long nanos) {
        now += nanos;
        calls++;
    }

    @Test
    void shouldCallAQuickOneOftenEnoughForTheClock() {
        Timing timing = new Timing(() -> now, 1_000, 10_000, 3);
        Spread seconds = timing.secondsPerCall(() -> call(125));
        assertThat(calls).as("8 to warm up, then 3 samples of 80").isEqualTo(8 + 3 * 80);
        assertThat(seconds.median()).isCloseTo(1.25e-7, within(1e-15));
    }

    @Test
    void shouldCallASlowOneOnceASample() {
        Timing timing = new Timing(() -> now, 1_000, 10_000, 3);
        Spread seconds = timing.secondsPerCall(() -> call(2_000_000));
        assertThat(calls).isEqualTo(1 + 3);
        assertThat(seconds.median()).isEqualTo(2e-3);
    }

    @Test
    void shouldNotCountTheWarmUpAndTellTheSpread() {
        long[] nanos = {90_000, 10_000, 10_000, 30_000, 20_000};
        Timing timing = new Timing(() -> now, 100_000, 10_000, 3);
        Spread seconds = timing.secondsPerCall(() -> call(nanos[calls]));
        assertThat(seconds).isEqualTo(new Spread(2e-5, 1e-5, 3e-5));
    }

    @Test
    void shouldEndWithAClockThatStandsStill() {
        Timing timing = new Timing(() -> now, 0, 1_000, 2);
        assertThat(timing.secondsPerCall(() -> call(0))).isEqualTo(new Spread(0, 0, 0));
        assertThat(calls).isEqualTo(1 + 2 * 1_000);
    }
}
