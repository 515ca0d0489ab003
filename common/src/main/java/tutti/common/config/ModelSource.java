package tutti.common.config;

import static tutti.common.error.TuttiException.require;

import java.nio.file.Path;

/**
 * Where the weights come from.
 *
 * @param folder in Hugging Face layout
 * @param initFromConfig random weights drawn by {@code initializer_range} from the run's seed
 * @param maxLength longest sequence in tokens
 */
public record ModelSource(Path folder, boolean initFromConfig, int maxLength) {
    public ModelSource {
        require(maxLength >= 2, "--model_max_length=%d: at least 2, a token and the one it predicts", maxLength);
    }

    public ModelSource cutTo(int length) {
        return new ModelSource(folder, initFromConfig, length);
    }

    static ModelSource read(Settings settings) {
        String folder = settings.text(Keys.MODEL_NAME_OR_PATH);
        require(!folder.isEmpty(), "--model_name_or_path is missing: a folder with config.json and model.safetensors");
        return new ModelSource(
                Path.of(folder), settings.flag(Keys.INIT_FROM_CONFIG), settings.int32(Keys.MODEL_MAX_LENGTH));
    }
}
