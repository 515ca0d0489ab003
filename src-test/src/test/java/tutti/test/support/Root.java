package tutti.test.support;

import java.nio.file.Files;
import java.nio.file.Path;

/** The project's top folder. */
public final class Root {
    private Root() {}

    public static Path path() {
        Path folder = Path.of("").toAbsolutePath();
        while (!Files.isDirectory(folder.resolve("src-test")) || !Files.isDirectory(folder.resolve("worker"))) {
            folder = folder.getParent();
            if (folder == null) {
                throw new IllegalStateException(
                        "not inside the project: " + Path.of("").toAbsolutePath());
            }
        }
        return folder;
    }
}
