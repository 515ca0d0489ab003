package tutti.coordinator.run;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;

/** Finds losses that stand far above the {@value #WINDOW} before them. Used by one thread. */
final class LossSpikes {
    private static final int WINDOW = 50;
    /** As a share of the mean: losses that hardly differ make no spike of a small difference. */
    private static final double LEAST_DEVIATION = 0.01;

    private final double threshold;
    private final Deque<Double> window = new ArrayDeque<>();
    /** Spikes up to now. */
    private int inARow;

    /** @param zscore of the mean and standard deviation of the window; 0: nothing is a spike */
    LossSpikes(double zscore) {
        this.threshold = zscore;
    }

    record Spike(double loss, double mean, double zscore) {
        String describe() {
            return "the loss is %.4g, which is %.1f standard deviations above the mean of the %d steps before, %.4g"
                    .formatted(loss, zscore, WINDOW, mean);
        }
    }

    /** One step's loss. A spike stays out of the window, lest it hide the next one; where they do not end, the loss has risen. */
    Optional<Spike> add(double loss) {
        if (threshold == 0 || !Double.isFinite(loss)) {
            return Optional.empty();
        }
        Optional<Spike> spike = window.size() < WINDOW ? Optional.empty() : spike(loss);
        inARow = spike.isPresent() ? inARow + 1 : 0;
        if (spike.isEmpty() || inARow > WINDOW / 2) {
            window.addLast(loss);
        }
        if (window.size() > WINDOW) {
            window.removeFirst();
        }
        return spike;
    }

    private Optional<Spike> spike(double loss) {
        double mean = window.stream().mapToDouble(x -> x).average().orElseThrow();
        double variance =
                window.stream().mapToDouble(x -> (x - mean) * (x - mean)).sum() / (WINDOW - 1);
        double zscore = (loss - mean) / Math.max(Math.sqrt(variance), LEAST_DEVIATION * Math.abs(mean));
        return zscore > threshold ? Optional.of(new Spike(loss, mean, zscore)) : Optional.empty();
    }
}
