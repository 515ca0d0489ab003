package tutti.common.dataset;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import tutti.common.error.TuttiException;

/** Loads data files into memory. */
public final class Datasets {
    private Datasets() {}

    /**
     * Reads all samples of all files, in order. Known are Vicuna/ShareGPT conversations and pretokenised samples, each as one
     * JSON array or as JSON Lines; which it is, is seen from the content, and files may differ.
     *
     * <p>A file that is missing, empty, malformed or of another format is a DATA failure that names file and line or sample.
     */
    public static List<Example> load(List<Path> files) {
        if (files.isEmpty()) {
            throw TuttiException.user("--data_path: no file given, needs at least one JSON or JSON Lines file");
        }
        List<Example> examples = new ArrayList<>();
        for (Path file : files) {
            if (Files.isDirectory(file)) {
                throw TuttiException.data("%s: is a folder; --data_path needs JSON or JSON Lines files", file);
            }
            if (!Files.isRegularFile(file)) {
                throw TuttiException.data("%s: no such file; check --data_path", file);
            }
            int before = examples.size();
            DataFile.read(file, examples::add);
            if (examples.size() == before) {
                throw TuttiException.data("%s: holds no samples; a data file needs at least one", file);
            }
        }
        return examples;
    }
}
