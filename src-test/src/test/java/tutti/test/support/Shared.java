package tutti.test.support;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;

/** Models, data and fixtures beside the project; users do not have them. */
public final class Shared {
    private Shared() {}

    /** Skips the test, saying so, where the folder is missing. */
    public static Path path(String relative) {
        Path folder = Root.path().resolveSibling("shared");
        Assumptions.assumeTrue(Files.isDirectory(folder), "skipped: ../shared is not beside the project");
        return folder.resolve(relative);
    }

    public static JsonNode json(String relative) {
        try {
            return new ObjectMapper().readTree(path(relative).toFile());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
