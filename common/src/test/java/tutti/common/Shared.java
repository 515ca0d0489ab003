package tutti.common;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;

/** Test material that lies beside the checkout and not in it; users do not have it, so tests say that they were skipped. */
public final class Shared {
    private Shared() {}

    /** The {@code shared} folder beside the repository, looked for upwards from the working directory. */
    public static Path dir() {
        Path found = null;
        for (Path at = Path.of("").toAbsolutePath(); at != null && found == null; at = at.getParent()) {
            Path candidate = at.resolve("shared");
            // DESIGN.md tells our folder from another one of that name.
            found = Files.isRegularFile(candidate.resolve("DESIGN.md")) ? candidate : null;
        }
        Assumptions.assumeTrue(found != null, "skipped: ../shared is not here");
        return found;
    }

    public static Path file(String relative) {
        Path file = dir().resolve(relative);
        Assumptions.assumeTrue(Files.exists(file), "skipped: ../shared/" + relative + " is not here");
        return file;
    }
}
