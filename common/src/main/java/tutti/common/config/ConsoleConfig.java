package tutti.common.config;

import static tutti.common.error.TuttiException.require;

/**
 * Where the admin console listens. Its token is a secret and therefore no setting: the launcher makes one and hands it over in
 * the environment.
 *
 * @param port 0 takes any free one
 */
public record ConsoleConfig(String host, int port) {
    public ConsoleConfig {
        require(port >= 0 && port <= 65535, "--console_port=%d: 0 to 65535", port);
    }

    static ConsoleConfig read(Settings settings) {
        return new ConsoleConfig(settings.text(Keys.CONSOLE_HOST), settings.int32(Keys.CONSOLE_PORT));
    }
}
