package tutti.coordinator.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class LossSpikesTest {
    private final Random random = new Random(42);

    @Test
    void shouldFindALossThatJumps() {
        LossSpikes spikes = new LossSpikes(6);
        IntStream.range(0, 50).forEach(step -> assertThat(spikes.add(noisy(2))).isEmpty());
        LossSpikes.Spike spike = spikes.add(4).orElseThrow();
        assertThat(spike.zscore()).isGreaterThan(6);
        assertThat(spike.describe())
                .contains("the loss is 4.000", "standard deviations above the mean of the 50 steps");
        assertThat(spikes.add(4)).as("the first spike does not hide the second").isPresent();
        assertThat(spikes.add(noisy(2))).isEmpty();
    }

    @Test
    void shouldSayNothingOfNoiseOfFallingLossesAndBeforeItHasSeenEnough() {
        LossSpikes spikes = new LossSpikes(6);
        for (int step = 0; step < 2000; step++) {
            assertThat(spikes.add(noisy(5.0 / (1 + step / 50.0))))
                    .as("step %d", step)
                    .isEmpty();
        }
        assertThat(new LossSpikes(6).add(1e9)).isEmpty();
    }

    @Test
    void shouldTakeALastingRiseForTheNewLevel() {
        LossSpikes spikes = new LossSpikes(6);
        IntStream.range(0, 50).forEach(step -> spikes.add(noisy(2)));
        long reported = IntStream.range(0, 200)
                .mapToObj(step -> spikes.add(noisy(4)))
                .flatMap(Optional::stream)
                .count();
        assertThat(reported).isBetween(25L, 75L);
        assertThat(spikes.add(noisy(4))).isEmpty();
    }

    @Test
    void shouldLeaveOutWhatIsNoNumberAndSayNothingWhenItIsOff() {
        LossSpikes spikes = new LossSpikes(6);
        IntStream.range(0, 60).forEach(step -> spikes.add(step % 2 == 0 ? 2 : Double.NaN));
        IntStream.range(0, 30).forEach(step -> spikes.add(2));
        assertThat(spikes.add(3)).isPresent();
        LossSpikes off = new LossSpikes(0);
        IntStream.range(0, 60).forEach(step -> off.add(2));
        assertThat(off.add(1000)).isEmpty();
    }

    private double noisy(double level) {
        return level * (1 + 0.05 * random.nextGaussian());
    }
}
