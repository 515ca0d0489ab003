package tutti.coordinator.console;

import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.QueryStringDecoder;
import io.netty.handler.codec.http.cookie.Cookie;
import io.netty.handler.codec.http.cookie.CookieHeaderNames.SameSite;
import io.netty.handler.codec.http.cookie.DefaultCookie;
import io.netty.handler.codec.http.cookie.ServerCookieDecoder;
import io.netty.handler.codec.http.cookie.ServerCookieEncoder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.List;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/** The token, and the three places where a request may carry it: query, bearer header, cookie. */
final class Credentials {
    private static final String QUERY_KEY = "token";
    private static final String BEARER = "Bearer ";

    private final String token;
    private final byte[] digest;

    Credentials(String token) {
        this.token = token;
        this.digest = sha256(token);
    }

    boolean inQuery(QueryStringDecoder uri) {
        List<String> values = uri.parameters().getOrDefault(QUERY_KEY, List.of());
        return values.size() == 1 && matches(values.get(0));
    }

    boolean inHeaders(HttpRequest request, int port) {
        String authorization = request.headers().get(HttpHeaderNames.AUTHORIZATION);
        if (authorization != null
                && authorization.startsWith(BEARER)
                && matches(authorization.substring(BEARER.length()))) {
            return true;
        }
        for (String header : request.headers().getAll(HttpHeaderNames.COOKIE)) {
            for (Cookie cookie : ServerCookieDecoder.STRICT.decode(header)) {
                if (cookie.name().equals(cookieName(port)) && matches(cookie.value())) {
                    return true;
                }
            }
        }
        return false;
    }

    /** A Set-Cookie value: out of reach of scripts, never sent along from other sites, gone when the browser closes. */
    String cookie(int port) {
        DefaultCookie cookie = new DefaultCookie(cookieName(port), token);
        cookie.setHttpOnly(true);
        cookie.setSameSite(SameSite.Strict);
        cookie.setPath("/");
        return ServerCookieEncoder.STRICT.encode(cookie);
    }

    /** Browsers share cookies between ports of a host; the port in the name keeps two consoles apart. */
    private static String cookieName(int port) {
        return "tutti_console_" + port;
    }

    /** Digests have one length, so the time taken tells nothing, not even the token's length. */
    private boolean matches(String presented) {
        return MessageDigest.isEqual(sha256(presented), digest);
    }

    private static byte[] sha256(String text) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException e) {
            throw new TuttiException(Category.BUG, "console: this Java has no SHA-256, which every Java must have", e);
        }
    }
}
