package tutti.coordinator.console;

import static tutti.common.error.TuttiException.require;

import java.security.SecureRandom;
import java.util.Base64;
import java.util.regex.Pattern;

/**
 * Where the console listens and what opens it.
 *
 * @param host name or address to bind; anything but a loopback one shows the run to the network, in clear text
 * @param port 0 takes any free port
 * @param token the secret that a reader must present; letters, digits, {@code -} and {@code _}, at least 16 of them
 */
public record ConsoleOptions(String host, int port, String token) {
    private static final Pattern TOKEN = Pattern.compile("[A-Za-z0-9_-]{16,256}");

    public ConsoleOptions {
        require(host != null && !host.isBlank(), "console: --console_host is empty; 127.0.0.1 is the usual value");
        require(0 <= port && port <= 65_535, "console: --console_port=%d, need 0 to 65535 (0 is any free port)", port);
        // The value itself stays out of the message: it may be a mistyped secret.
        require(
                token != null && TOKEN.matcher(token).matches(),
                "console: the token needs 16 to 256 letters, digits, '-' or '_' (it becomes part of an address)");
    }

    /** A fresh token of 256 random bits. */
    public static String newToken() {
        byte[] bits = new byte[32];
        new SecureRandom().nextBytes(bits);
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bits);
    }

    /** Without the token, so that it cannot reach a log by accident. */
    @Override
    public String toString() {
        return "ConsoleOptions[host=" + host + ", port=" + port + ", token=***]";
    }
}
