package tutti.common.config;

import static tutti.common.error.TuttiException.require;

import java.nio.file.Path;
import java.util.List;

/**
 * What is trained on.
 *
 * @param paths files in the order given
 * @param shuffle a new order each epoch, drawn from the run's seed; otherwise file order
 */
public record DataConfig(List<Path> paths, boolean shuffle) {
    public DataConfig {
        paths = List.copyOf(paths);
        require(!paths.isEmpty(), "--data_path is missing: a JSON or JSON Lines file to train on");
    }

    static DataConfig read(Settings settings) {
        return new DataConfig(
                settings.list(Keys.DATA_PATH).stream().map(Path::of).toList(), settings.flag(Keys.SHUFFLE));
    }
}
