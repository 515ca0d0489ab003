package tutti.common.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

class CacheConfigTest {
    private static final Path HOME = Path.of("/home/of/system");

    @Test
    void shouldTakeTheFolderThatIsGivenElseXdgsElseHomes() {
        Map<String, String> both = Map.of("XDG_CACHE_HOME", "/caches", "HOME", "/home/me");
        assertThat(config("here").folder(both, HOME)).isEqualTo(Path.of("here"));
        assertThat(config("").folder(both, HOME)).isEqualTo(Path.of("/caches/tutti"));
        assertThat(config("").folder(Map.of("HOME", "/home/me"), HOME)).isEqualTo(Path.of("/home/me/.cache/tutti"));
        assertThat(config("").folder(Map.of(), HOME)).isEqualTo(Path.of("/home/of/system/.cache/tutti"));
    }

    @Test
    void shouldIgnoreRelativePathsOfTheEnvironment() {
        Map<String, String> relative = Map.of("XDG_CACHE_HOME", "caches", "HOME", "me");
        assertThat(config("").folder(relative, HOME)).isEqualTo(Path.of("/home/of/system/.cache/tutti"));
    }

    private static CacheConfig config(String given) {
        return CacheConfig.read(Settings.of(Map.of("cache_dir", given), null));
    }
}
