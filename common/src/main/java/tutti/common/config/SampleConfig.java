package tutti.common.config;

/** What the samples of a run depend on: all that {@code tutti data} needs to be told. */
public record SampleConfig(ModelSource model, DataConfig data, BatchConfig batches, EncodingConfig encoding) {

    /** @throws tutti.common.error.TuttiException (user) naming the first key that is wrong */
    public static SampleConfig read(Settings settings) {
        DataConfig data = DataConfig.read(settings);
        return new SampleConfig(
                ModelSource.read(settings), data, BatchConfig.read(settings, data), EncodingConfig.read(settings));
    }
}
