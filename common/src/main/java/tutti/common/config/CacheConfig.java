package tutti.common.config;

import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;

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
     * Need not be there. As the XDG base directory specification has it; relative paths in the environment are ignored, as it says.
     *
     * @param environment of the process: XDG_CACHE_HOME, else HOME
     * @param home the user's where the environment has none
     */
    public Path folder(Map<String, String> environment, Path home) {
        if (!given.isEmpty()) {
            return Path.of(given);
        }
        String caches = environment.getOrDefault("XDG_CACHE_HOME", "");
        return Stream.of(caches, environment.getOrDefault("HOME", "") + "/.cache")
                .filter(path -> path.startsWith("/") && !path.equals("/.cache"))
                .map(Path::of)
                .findFirst()
                .orElse(home.resolve(".cache"))
                .resolve("tutti");
    }
}
