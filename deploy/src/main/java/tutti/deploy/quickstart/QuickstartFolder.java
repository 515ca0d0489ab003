package tutti.deploy.quickstart;

import static tutti.common.error.TuttiException.environment;
import static tutti.common.error.TuttiException.require;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * What the quickstart writes: {@code model/} to begin with, {@code data/}, the run's {@code run/}, and {@code quickstart.json},
 * which also marks the folder as ours to empty.
 */
record QuickstartFolder(Path root) {
    private static final String MARKER = "quickstart.json";

    Path model() {
        return root.resolve("model");
    }

    Path train() {
        return root.resolve("data").resolve("train.json");
    }

    Path heldout() {
        return root.resolve("data").resolve("heldout.json");
    }

    Path run() {
        return root.resolve("run");
    }

    /** Deletes what an earlier quickstart wrote and nothing else. A folder of somebody else is refused as it is. */
    void prepare() {
        Path marker = root.resolve(MARKER);
        try {
            require(
                    !Files.exists(root) || Files.isDirectory(root),
                    "--output_dir %s: a file; a folder is needed",
                    root);
            require(
                    isEmpty() || Files.isRegularFile(marker),
                    "--output_dir %s: not empty, and no %s says that a quickstart wrote it; give another folder",
                    root,
                    MARKER);
            for (Path ours : List.of(run(), train().getParent(), model())) {
                delete(ours);
            }
            Files.createDirectories(model());
            Files.createDirectories(train().getParent());
            Files.writeString(marker, "{}\n");
        } catch (IOException e) {
            throw environment("--output_dir %s: cannot be written: %s", root, e);
        }
    }

    void writeResult(Map<String, Object> result) throws IOException {
        new ObjectMapper()
                .writerWithDefaultPrettyPrinter()
                .writeValue(root.resolve(MARKER).toFile(), result);
    }

    private boolean isEmpty() throws IOException {
        if (!Files.exists(root)) {
            return true;
        }
        try (Stream<Path> files = Files.list(root)) {
            return files.findAny().isEmpty();
        }
    }

    private static void delete(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            Files.deleteIfExists(folder);
            return;
        }
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
