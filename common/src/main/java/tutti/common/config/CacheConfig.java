package tutti.common.config;

import java.nio.file.Path;
import java.util.Map;

/**
 * Where what is made of data sets is kept for the next run.
 *
 * @param given as {@code --cache_dir} has it; empty: {@code tutti} in the user's folder for caches
 */
public record CacheConfig(String given) {

    static CacheConfig read(Settings settings) {
        return new CacheConfig(settings.text(Keys.CACHE_DIR));
    }

    /**
     * Need not be there.
     *
     * @param environment of the process; XDG_CACHE_HOME is read, as the XDG base directory specification has it
     * @param home the user's
     */
    public Path folder(Map<String, String> environment, Path home) {
        if (!given.isEmpty()) {
            return Path.of(given);
        }
        String caches = environment.getOrDefault("XDG_CACHE_HOME", "");
        // Relative ones are to be ignored, says the specification.
        return (caches.startsWith("/") ? Path.of(caches) : home.resolve(".cache")).resolve("tutti");
    }
}
