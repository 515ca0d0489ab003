package tutti.deploy;

import static tutti.common.error.TuttiException.require;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import tutti.common.config.RunConfig;
import tutti.common.dataset.DataPaths;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.deploy.agent.Preflight;

/** Are the data files there, those of a folder too, with something in them. What is in them the workers judge, who read all of it anyway. */
final class DataPreflight implements Preflight {

    @Override
    public void check(RunConfig config) {
        check("--data_path", config.data().paths());
        if (config.eval().evaluates()) {
            check("--eval_data_path", config.eval().paths());
        }
    }

    private static void check(String flag, List<Path> paths) {
        for (Path file : DataPaths.of(paths).files()) {
            require(Files.isReadable(file), Category.DATA, "%s: no permission to read it; check %s", file, flag);
            require(
                    size(file) > 0,
                    Category.DATA,
                    "%s: is empty (0 bytes); a data file needs at least one sample",
                    file);
        }
    }

    private static long size(Path file) {
        try {
            return Files.size(file);
        } catch (IOException e) {
            throw new TuttiException(Category.ENVIRONMENT, file + ": cannot be read: " + e, e);
        }
    }
}
