package tutti.coordinator.console;

import java.io.IOException;
import java.io.InputStream;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/** The page's files, from {@code tutti/console} on the class path, kept in memory once read. Any thread may call. */
final class Assets {
    private static final String FOLDER = "/tutti/console/";
    /** Names that start with a letter or digit: neither {@code ..} nor a hidden or absolute path fits. */
    private static final Pattern NAME = Pattern.compile("([A-Za-z0-9][A-Za-z0-9._-]*/)*[A-Za-z0-9][A-Za-z0-9._-]*");

    private static final Map<String, String> TYPES = Map.of(
            "html", "text/html; charset=utf-8",
            "js", "text/javascript; charset=utf-8",
            "mjs", "text/javascript; charset=utf-8",
            "css", "text/css; charset=utf-8",
            "svg", "image/svg+xml",
            "txt", "text/plain; charset=utf-8");

    private final Map<String, Asset> loaded = new ConcurrentHashMap<>();

    record Asset(String type, byte[] content) {}

    /** @param name path below the folder, as it came in a request */
    Optional<Asset> find(String name) {
        String type = TYPES.get(name.substring(name.lastIndexOf('.') + 1));
        if (type == null || !NAME.matcher(name).matches()) {
            return Optional.empty();
        }
        // Only files that exist are kept, so strangers cannot fill the map.
        return Optional.ofNullable(loaded.computeIfAbsent(name, wanted -> load(wanted, type)));
    }

    private static Asset load(String name, String type) {
        try (InputStream in = Assets.class.getResourceAsStream(FOLDER + name)) {
            return in == null ? null : new Asset(type, in.readAllBytes());
        } catch (IOException e) {
            throw new TuttiException(
                    Category.ENVIRONMENT, "console: cannot read " + FOLDER + name + " from its jar", e);
        }
    }
}
