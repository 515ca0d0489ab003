package tutti.coordinator.console;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.common.metrics.Meter;
import tutti.coordinator.run.RunMeters;
import tutti.coordinator.run.RunState;
import tutti.coordinator.run.Sample;
import tutti.coordinator.run.StatusBoard;

class ConsoleServerTest {
    private static final String TOKEN = ConsoleOptions.newToken();
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration SOON = Duration.ofSeconds(20);

    private final StatusBoard board = new StatusBoard(Sample.forming());
    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final AtomicInteger saves = new AtomicInteger();
    private final ConsoleServer server =
            ConsoleServer.start(new ConsoleOptions("127.0.0.1", 0, TOKEN), board, registry, saves::incrementAndGet);
    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    @AfterEach
    void close() {
        server.close();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"/", "/api/status", "/api/steps", "/ws", "/nothing", "/?token=", "/?token=wrong", "//assets/"})
    void shouldRefuseWithoutTheTokenAndSayWhereItIs(String path) throws Exception {
        HttpResponse<String> response = get(path);

        assertThat(response.statusCode()).isEqualTo(401);
        assertThat(response.body()).contains("on the terminal where the run was started");
        assertThat(response.headers().firstValue("www-authenticate"))
                .hasValueSatisfying(v -> assertThat(v).startsWith("Bearer"));
    }

    @ParameterizedTest
    @CsvSource({
        "/healthz, text/plain",
        "/metrics, text/plain",
        "/assets/app.js, text/javascript",
        "/assets/style.css, text/css",
        "/assets/vendor/preact.mjs, text/javascript",
        "/assets/vendor/htm.mjs, text/javascript",
        "/assets/vendor/uPlot.esm.js, text/javascript",
        "/assets/vendor/uPlot.LICENSE.txt, text/plain",
        "/assets/icon.svg, image/svg+xml",
    })
    void shouldServeWithoutATokenWhatTellsNothingOfTheRun(String path, String type) throws Exception {
        HttpResponse<String> response = get(path);

        assertThat(response.statusCode()).isEqualTo(200);
        assertThat(response.headers().firstValue("content-type").orElse("")).startsWith(type);
    }

    @Test
    void shouldTradeTheTokenForACookieThatScriptsCannotRead() throws Exception {
        HttpResponse<String> page = send(HttpRequest.newBuilder(URI.create(server.url())));
        String cookie = page.headers().firstValue("set-cookie").orElseThrow();

        assertThat(page.statusCode()).isEqualTo(200);
        assertThat(page.body()).contains("/assets/app.js");
        assertThat(cookie).contains("HTTPOnly").contains("SameSite=Strict").contains("Path=/");
        assertThat(send(request("/api/status").header("Cookie", cookie.substring(0, cookie.indexOf(';'))))
                        .statusCode())
                .isEqualTo(200);
        assertThat(send(request("/api/status").header("Cookie", "tutti_console_" + server.port() + "=wrong"))
                        .statusCode())
                .isEqualTo(401);
    }

    @Test
    void shouldAnswerTheApiToABearerOfTheToken() throws Exception {
        board.publish(Sample.training(7));
        board.publish(Sample.step(6));
        board.publish(Sample.step(7));

        JsonNode status = JSON.readTree(send(bearer("/api/status")).body());
        JsonNode steps = JSON.readTree(send(bearer("/api/steps")).body());

        assertThat(status.get("state").asText()).isEqualTo("training");
        assertThat(status.get("workers")).hasSize(4);
        assertThat(steps).hasSize(2);
        assertThat(steps.get(1).get("step").asLong()).isEqualTo(7);
        assertThat(steps.get(1).has("tokens_per_second")).isTrue();
        assertThat(send(bearer("/nothing")).statusCode()).isEqualTo(404);
    }

    @ParameterizedTest
    @ValueSource(strings = {"/", "/api/status", "/healthz", "/metrics", "/assets/app.js", "/assets/none.js"})
    void shouldStampEveryAnswerWithSecurityHeaders(String path) throws Exception {
        var headers = get(path).headers();

        assertThat(headers.firstValue("content-security-policy"))
                .hasValueSatisfying(policy -> assertThat(policy)
                        .contains("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'")
                        .doesNotContain("unsafe"));
        assertThat(headers.firstValue("x-content-type-options")).hasValue("nosniff");
        assertThat(headers.firstValue("referrer-policy")).hasValue("no-referrer");
        assertThat(headers.firstValue("cache-control"))
                .hasValue(path.equals("/assets/app.js") ? "no-cache" : "no-store");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"evil.example", "evil.example:8080", "127.0.0.1.evil.example", "[::2]", "192.0.2.1", "", "["})
    void shouldRefuseAHostNameThatIsNotOurs(String host) throws Exception {
        assertThat(raw("GET /healthz HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n"))
                .startsWith("HTTP/1.1 421 ");
    }

    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.1:1", "localhost", "LOCALHOST:8080", "[::1]:8080"})
    void shouldAcceptEveryLoopbackNameOnAnyPortForTunnels(String host) throws Exception {
        assertThat(raw("GET /healthz HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n"))
                .startsWith("HTTP/1.1 200 ");
    }

    @Test
    void shouldRefuseARequestWithoutHostOrWithTwo() throws Exception {
        assertThat(raw("GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n")).startsWith("HTTP/1.1 421 ");
        assertThat(raw("GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
                .startsWith("HTTP/1.1 4");
    }

    @ParameterizedTest
    @ValueSource(strings = {"POST", "PUT", "DELETE", "OPTIONS", "TRACE"})
    void shouldOnlyRead(String method) throws Exception {
        HttpResponse<String> response = send(bearer("/api/status").method(method, BodyPublishers.noBody()));

        assertThat(response.statusCode()).isEqualTo(405);
        assertThat(response.headers().firstValue("allow")).hasValue("GET, HEAD");
    }

    @Test
    void shouldSaveForABearerOfTheTokenWhoPostsWhileTheRunTrains() throws Exception {
        HttpRequest.Builder post = bearer("/api/save").POST(BodyPublishers.noBody());
        assertThat(send(post.copy()).statusCode()).as("nothing is trained yet").isEqualTo(409);
        board.publish(Sample.training(7));
        assertThat(send(request("/api/save").POST(BodyPublishers.noBody())).statusCode())
                .as("without the token")
                .isEqualTo(401);
        assertThat(send(post.copy().header("Origin", "http://evil.example")).statusCode())
                .isEqualTo(403);
        HttpResponse<String> get = send(bearer("/api/save"));
        assertThat(get.statusCode()).isEqualTo(405);
        assertThat(get.headers().firstValue("allow")).hasValue("POST");
        assertThat(saves).hasValue(0);

        assertThat(send(post).statusCode()).isEqualTo(202);
        assertThat(saves).hasValue(1);
    }

    @Test
    void shouldAnswerHeadWithLengthAndWithoutBody() throws Exception {
        HttpResponse<String> response = send(bearer("/api/status").method("HEAD", BodyPublishers.noBody()));

        assertThat(response.statusCode()).isEqualTo(200);
        assertThat(response.headers().firstValueAsLong("content-length").orElse(0))
                .isPositive();
        assertThat(response.body()).isEmpty();
    }

    @Test
    void shouldRefuseOversizedRequestsByKind() throws Exception {
        assertThat(get("/healthz?" + "x".repeat(5_000)).statusCode()).isEqualTo(414);
        assertThat(send(request("/healthz").header("x-long", "x".repeat(20_000)))
                        .statusCode())
                .isEqualTo(431);
        assertThat(send(request("/healthz").POST(BodyPublishers.ofString("x".repeat(2_000))))
                        .statusCode())
                .isEqualTo(413);
        assertThat(raw("nonsense\r\n\r\n")).startsWith("HTTP/1.1 400 ");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/assets/../package-info.java",
                "/assets/../../../logback.xml",
                "/assets/%2e%2e/%2e%2e/tutti/console/app.js",
                "/assets/..%2f..%2ftutti/console/app.js",
                "/assets/vendor/../app.js",
                "/assets//app.js",
                "/assets//etc/hosts.txt",
                "/assets/.hidden.js",
                "/assets/vendor",
                "/assets/vendor/",
                "/assets/",
                "/assets/app.js%00.css",
                "/assets/Assets.class",
            })
    void shouldServeNothingOutsideThePagesFolder(String path) throws Exception {
        assertThat(raw("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
                .startsWith("HTTP/1.1 404 ");
    }

    @ParameterizedTest
    @EnumSource(RunState.class)
    void shouldBeReadyOnceTheRunTrains(RunState state) throws Exception {
        assertThat(get("/readyz").statusCode()).isEqualTo(503);

        board.publish(Sample.forming().withState(state, ""));

        boolean expected = state == RunState.TRAINING || state == RunState.COMMITTING || state == RunState.DONE;
        assertThat(get("/readyz").statusCode()).isEqualTo(expected ? 200 : 503);
        assertThat(get("/healthz").statusCode()).isEqualTo(200);
    }

    @Test
    void shouldShowEveryMeterAtMetrics() throws Exception {
        RunMeters meters = new RunMeters(registry);
        meters.onStep(Sample.step(1));
        meters.collectives(Sample.wire());

        String text = get("/metrics").body();

        for (Meter meter : Meter.values()) {
            String name = meter.id().replace('.', '_');
            assertThat(text).contains(meter.meaning());
            assertThat(text).containsPattern(Pattern.compile("(?m)^" + name + "[a-z_]*(\\{[^}]*})? [-+0-9.eENaInf]+$"));
        }
    }

    @Test
    void shouldNameThePortThatIsTakenAndTheWayOut() {
        assertThatThrownBy(() -> ConsoleServer.start(
                        new ConsoleOptions("127.0.0.1", server.port(), TOKEN), board, registry, saves::incrementAndGet))
                .isInstanceOfSatisfying(
                        TuttiException.class, e -> assertThat(e.category()).isEqualTo(Category.ENVIRONMENT))
                .hasMessage(
                        "console: port %d on 127.0.0.1 is already in use; choose another with --console_port,"
                                + " or 0 for any free one",
                        server.port());
    }

    @Test
    void shouldLeaveNoThreadAndNoPortBehind() throws Exception {
        int port = server.port();
        assertThat(get("/healthz").statusCode()).isEqualTo(200);
        server.close();
        server.close();
        for (Thread thread : Thread.getAllStackTraces().keySet()) {
            if (thread.getName().startsWith("tutti-console-")) {
                thread.join(SOON.toMillis());
                assertThat(thread.isAlive()).as(thread.getName()).isFalse();
            }
        }

        ConsoleServer again = ConsoleServer.start(
                new ConsoleOptions("127.0.0.1", port, TOKEN), board, registry, saves::incrementAndGet);
        assertThat(again.port()).isEqualTo(port);
        again.close();
    }

    @Test
    void shouldKeepTheTokenOutOfItsTextAndRefuseAWeakOne() {
        assertThat(new ConsoleOptions("127.0.0.1", 0, TOKEN).toString()).doesNotContain(TOKEN);
        assertThatThrownBy(() -> new ConsoleOptions("127.0.0.1", 0, "short-secret"))
                .isInstanceOf(TuttiException.class)
                .hasMessageContaining("16 to 256")
                .hasMessageNotContaining("short-secret");
    }

    @Test
    void shouldNeedTheTokenForMetricsWhenOpenToTheNetwork() throws Exception {
        try (ConsoleServer wide =
                ConsoleServer.start(new ConsoleOptions("0.0.0.0", 0, TOKEN), board, registry, saves::incrementAndGet)) {
            URI metrics = URI.create("http://127.0.0.1:" + wide.port() + "/metrics");
            assertThat(wide.url()).startsWith("http://127.0.0.1:");
            assertThat(send(HttpRequest.newBuilder(metrics)).statusCode()).isEqualTo(401);
            assertThat(send(HttpRequest.newBuilder(metrics).header("Authorization", "Bearer " + TOKEN))
                            .statusCode())
                    .isEqualTo(200);
        }
    }

    @Test
    void shouldPushTheStatusAtOnceAndEveryStepInOrder() throws Exception {
        Frames frames = new Frames();
        WebSocket socket = connect(frames, null);
        assertThat(frames.next().at("/status/state").asText()).isEqualTo("forming");

        for (int step = 1; step <= 200; step++) {
            board.publish(Sample.step(step));
        }
        for (int step = 1; step <= 200; step++) {
            JsonNode frame = frames.next();
            assertThat(frame.get("type").asText()).isEqualTo("step");
            assertThat(frame.at("/step/step").asInt()).isEqualTo(step);
        }
        board.publish(Sample.training(200));
        assertThat(frames.next().at("/status/state").asText()).isEqualTo("training");

        server.close();
        assertThat(frames.closed.take()).isEqualTo(1001);
        assertThat(socket.isInputClosed()).isTrue();
    }

    @Test
    void shouldDropStepsForAReaderThatDoesNotKeepUpAndStillShowTheNewest() throws Exception {
        Frames frames = new Frames();
        frames.paused = true;
        WebSocket socket = connect(frames, null);
        int last = 60_000; // some 20 MB of JSON: more than the socket buffers of both ends hold
        for (int step = 1; step <= last; step++) {
            board.publish(Sample.step(step));
        }
        frames.paused = false;
        socket.request(Long.MAX_VALUE);

        int received = 0;
        int before = 0;
        while (before != last) {
            JsonNode frame = frames.next();
            if (frame.get("type").asText().equals("step")) {
                int step = frame.at("/step/step").asInt();
                assertThat(step).isGreaterThan(before);
                before = step;
                received++;
            }
        }
        assertThat(received).isBetween(1, last - 1);
        assertThat(frames.next().get("type").asText()).isEqualTo("missed");
        socket.abort();
    }

    @Test
    void shouldOpenTheLiveFeedToItsOwnPageOnly() throws Exception {
        assertThat(connect(new Frames(), "http://127.0.0.1:" + server.port())).isNotNull();
        assertThatThrownBy(() -> connect(new Frames(), "http://evil.example"))
                .isInstanceOf(CompletionException.class)
                .cause()
                .isInstanceOfSatisfying(
                        WebSocketHandshakeException.class,
                        e -> assertThat(e.getResponse().statusCode()).isEqualTo(403));
    }

    private WebSocket connect(Frames frames, String origin) {
        WebSocket.Builder builder = http.newWebSocketBuilder().header("Authorization", "Bearer " + TOKEN);
        if (origin != null) {
            builder.header("Origin", origin);
        }
        return builder.buildAsync(URI.create("ws://127.0.0.1:" + server.port() + "/ws"), frames)
                .join();
    }

    private HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + server.port() + path));
    }

    private HttpRequest.Builder bearer(String path) {
        return request(path).header("Authorization", "Bearer " + TOKEN);
    }

    private HttpResponse<String> get(String path) throws Exception {
        return send(request(path));
    }

    private HttpResponse<String> send(HttpRequest.Builder request) throws Exception {
        return http.send(request.timeout(SOON).build(), BodyHandlers.ofString());
    }

    /** What java.net.http would tidy up before sending. */
    private String raw(String request) throws IOException {
        try (Socket socket = new Socket("127.0.0.1", server.port())) {
            socket.setSoTimeout((int) SOON.toMillis());
            socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
        }
    }

    /** Whole messages, in the order of arrival. */
    private static final class Frames implements WebSocket.Listener {
        final BlockingQueue<Integer> closed = new LinkedBlockingQueue<>();
        private final BlockingQueue<String> whole = new LinkedBlockingQueue<>();
        private final StringBuilder part = new StringBuilder();
        volatile boolean paused;

        @Override
        public void onOpen(WebSocket socket) {
            if (!paused) {
                socket.request(Long.MAX_VALUE);
            }
        }

        @Override
        public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
            part.append(data);
            if (last) {
                whole.add(part.toString());
                part.setLength(0);
            }
            return null;
        }

        @Override
        public CompletionStage<?> onClose(WebSocket socket, int status, String reason) {
            closed.add(status);
            return null;
        }

        JsonNode next() throws Exception {
            String message = whole.poll(SOON.toSeconds(), TimeUnit.SECONDS);
            assertThat(message).as("a frame within %s", SOON).isNotNull();
            return JSON.readTree(message);
        }
    }
}
