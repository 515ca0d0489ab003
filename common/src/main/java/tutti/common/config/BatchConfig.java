package tutti.common.config;

import static tutti.common.error.TuttiException.require;
import static tutti.common.error.TuttiException.user;

import java.util.List;

/**
 * How samples are put together, and how often each is used.
 *
 * @param packing short samples share the rows of a long one
 * @param groupByLength samples of like length are trained on together
 * @param weights for each entry of {@code --data_path} how often its samples are used in an epoch; empty: once, as with 1 for each
 */
public record BatchConfig(boolean packing, boolean groupByLength, List<Double> weights) {
    public BatchConfig {
        weights = List.copyOf(weights);
        weights.forEach(weight -> require(
                weight > 0 && Double.isFinite(weight),
                "--data_weights=%s: more than 0; leave data that is not wanted out of --data_path",
                weight));
        if (weights.stream().allMatch(weight -> weight == 1)) {
            weights = List.of();
        }
        require(
                !(packing && groupByLength),
                "--group_by_length with --packing: all packs are equally long; leave one of them out");
        require(
                !groupByLength || weights.isEmpty(),
                "--group_by_length with --data_weights: not both in one run; --packing goes with weights");
    }

    /** Are some samples used more often than others? */
    public boolean weighted() {
        return !weights.isEmpty();
    }

    static BatchConfig read(Settings settings, DataConfig data) {
        List<String> weights = settings.list(Keys.DATA_WEIGHTS);
        require(
                weights.isEmpty() || weights.size() == data.paths().size(),
                "--data_weights=%s: %d weights for %d entries of --data_path; give one for each, a folder is one",
                String.join(",", weights),
                weights.size(),
                data.paths().size());
        BatchConfig config = new BatchConfig(
                settings.flag(Keys.PACKING),
                settings.flag(Keys.GROUP_BY_LENGTH),
                weights.stream().map(BatchConfig::weight).toList());
        require(
                !config.groupByLength() || data.shuffle(),
                "--group_by_length with --shuffle False: file order knows no lengths; leave one of them out");
        return config;
    }

    private static double weight(String text) {
        try {
            return Double.parseDouble(text);
        } catch (NumberFormatException e) {
            throw user("--data_weights=%s: not a number", text);
        }
    }
}
