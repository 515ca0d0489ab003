package tutti.coordinator.console;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A headless chromium with one page, driven over the DevTools protocol. Closing it ends its whole process tree and deletes
 * its profile. One thread at a time. Needs nothing but Jackson and Debian's {@code chromium}.
 */
public final class Browser implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration ANSWER_WITHIN = Duration.ofSeconds(30);
    private static final Duration START_WITHIN = Duration.ofSeconds(60);
    private static final Pattern LISTENING = Pattern.compile("DevTools listening on (ws://\\S+)");

    private final Process process;
    private final Path profile;
    private final List<String> output = new CopyOnWriteArrayList<>();
    private final List<String> problems = new CopyOnWriteArrayList<>();
    private final Map<Integer, CompletableFuture<JsonNode>> waiting = new ConcurrentHashMap<>();
    private final AtomicInteger lastId = new AtomicInteger();
    private final WebSocket devTools;
    private final String session;
    private volatile CompletableFuture<JsonNode> loaded = new CompletableFuture<>();

    /** The program on PATH, if this machine has it. */
    public static Optional<Path> installed() {
        return Stream.of(System.getenv("PATH").split(File.pathSeparator))
                .map(folder -> Path.of(folder, "chromium"))
                .filter(Files::isExecutable)
                .findFirst();
    }

    /** Starts the program with an empty page of 1280 x 800 pixels. */
    public Browser(Path program) throws Exception {
        profile = Files.createTempDirectory("tutti-browser-");
        ProcessBuilder builder = new ProcessBuilder(
                        program.toString(),
                        "--headless=new",
                        "--no-sandbox",
                        "--disable-gpu",
                        "--disable-quic",
                        "--disable-dev-shm-usage",
                        "--no-first-run",
                        "--disable-background-networking",
                        "--disable-component-update",
                        "--disable-sync",
                        "--hide-scrollbars",
                        "--remote-debugging-port=0",
                        "--user-data-dir=" + profile,
                        "about:blank")
                .redirectErrorStream(true);
        // Its own temporary files go with the profile.
        builder.environment().put("TMPDIR", profile.toString());
        process = builder.start();
        try {
            CompletableFuture<URI> address = new CompletableFuture<>();
            Thread reader = new Thread(() -> readOutput(address), "browser-output");
            reader.setDaemon(true);
            reader.start();
            URI found = address.get(START_WITHIN.toSeconds(), TimeUnit.SECONDS);
            devTools = HttpClient.newHttpClient()
                    .newWebSocketBuilder()
                    .buildAsync(found, new Answers())
                    .get(ANSWER_WITHIN.toSeconds(), TimeUnit.SECONDS);
            session = openPage();
        } catch (Exception e) {
            end();
            throw new IllegalStateException("chromium did not start; it said " + output, e);
        }
        call("Page.enable", Map.of());
        call("Runtime.enable", Map.of());
        call("Log.enable", Map.of());
        resize(1280, 800);
    }

    /** Returns when the page and its scripts are loaded. */
    public void open(String url) throws Exception {
        CompletableFuture<JsonNode> now = new CompletableFuture<>();
        loaded = now;
        JsonNode answer = call("Page.navigate", Map.of("url", url));
        if (answer.has("errorText")) {
            throw new IllegalStateException(
                    "cannot open the page: " + answer.get("errorText").asText());
        }
        now.get(ANSWER_WITHIN.toSeconds(), TimeUnit.SECONDS);
    }

    /** The value of a JavaScript expression; a promise is awaited. */
    public JsonNode evaluate(String expression) throws Exception {
        JsonNode answer =
                call("Runtime.evaluate", Map.of("expression", expression, "returnByValue", true, "awaitPromise", true));
        if (answer.has("exceptionDetails")) {
            throw new IllegalStateException(expression + " failed: " + answer.get("exceptionDetails"));
        }
        return answer.at("/result/value");
    }

    /** Returns when the expression is true; fails with what the page shows when it is not true in time. */
    public void waitUntil(String expression, Duration within) throws Exception {
        long deadline = System.nanoTime() + within.toNanos();
        while (!evaluate("Boolean(" + expression + ")").asBoolean()) {
            if (System.nanoTime() > deadline) {
                throw new TimeoutException("not true within " + within.toSeconds() + " s: " + expression + "; problems="
                        + problems + "; the page shows: "
                        + evaluate("document.body.innerText").asText());
            }
            // The page itself waits a moment before the next look.
            evaluate("new Promise(done => setTimeout(done, 50))");
        }
    }

    public void resize(int width, int height) throws Exception {
        call(
                "Emulation.setDeviceMetricsOverride",
                Map.of("width", width, "height", height, "deviceScaleFactor", 1, "mobile", false));
    }

    /** Makes the page see a system in the dark or the light mode. */
    public void dark(boolean dark) throws Exception {
        List<Map<String, String>> features =
                List.of(Map.of("name", "prefers-color-scheme", "value", dark ? "dark" : "light"));
        call("Emulation.setEmulatedMedia", Map.of("features", features));
    }

    /** Writes the whole page, not only what fits the window, as a PNG. */
    public void screenshot(Path file) throws Exception {
        // Two frames: what was changed just now is on the screen.
        evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))");
        JsonNode answer = call("Page.captureScreenshot", Map.of("format", "png", "captureBeyondViewport", true));
        Files.createDirectories(file.toAbsolutePath().getParent());
        Files.write(file, Base64.getDecoder().decode(answer.get("data").asText()));
    }

    /** Exceptions, console errors and refusals by the content security policy since the start. */
    public List<String> problems() {
        return List.copyOf(problems);
    }

    @Override
    public void close() throws IOException {
        devTools.abort();
        end();
    }

    private String openPage() throws Exception {
        JsonNode targets = send("Target.getTargets", Map.of(), null).get("targetInfos");
        for (JsonNode target : targets) {
            if (target.get("type").asText().equals("page")) {
                Map<String, Object> attach =
                        Map.of("targetId", target.get("targetId").asText(), "flatten", true);
                return send("Target.attachToTarget", attach, null)
                        .get("sessionId")
                        .asText();
            }
        }
        throw new IllegalStateException("chromium shows no page: " + targets);
    }

    private JsonNode call(String method, Map<String, ?> params) throws Exception {
        return send(method, params, session);
    }

    private JsonNode send(String method, Map<String, ?> params, String sessionId) throws Exception {
        int id = lastId.incrementAndGet();
        CompletableFuture<JsonNode> answer = new CompletableFuture<>();
        waiting.put(id, answer);
        ObjectNode message = JSON.createObjectNode().put("id", id).put("method", method);
        message.set("params", JSON.valueToTree(params));
        if (sessionId != null) {
            message.put("sessionId", sessionId);
        }
        devTools.sendText(message.toString(), true).get(ANSWER_WITHIN.toSeconds(), TimeUnit.SECONDS);
        JsonNode reply = answer.get(ANSWER_WITHIN.toSeconds(), TimeUnit.SECONDS);
        if (reply.has("error")) {
            throw new IllegalStateException(method + " failed: " + reply.get("error"));
        }
        return reply.get("result");
    }

    private void readOutput(CompletableFuture<URI> address) {
        try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                output.add(line);
                Matcher listening = LISTENING.matcher(line);
                if (listening.find()) {
                    address.complete(URI.create(listening.group(1)));
                }
            }
            address.completeExceptionally(new IllegalStateException("chromium ended"));
        } catch (IOException e) {
            address.completeExceptionally(e);
        }
    }

    private void end() throws IOException {
        List<ProcessHandle> tree = new ArrayList<>(process.descendants().toList());
        tree.add(process.toHandle());
        tree.forEach(ProcessHandle::destroyForcibly);
        for (ProcessHandle handle : tree) {
            handle.onExit()
                    .orTimeout(ANSWER_WITHIN.toSeconds(), TimeUnit.SECONDS)
                    .join();
        }
        try (Stream<Path> files = Files.walk(profile)) {
            files.sorted(Comparator.reverseOrder()).forEach(Browser::delete);
        }
    }

    private static void delete(Path file) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Answers go to who waits for them, events that mean trouble into the list of problems. */
    private final class Answers implements WebSocket.Listener {
        private final StringBuilder part = new StringBuilder();

        @Override
        public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
            part.append(data);
            if (last) {
                take(part.toString());
                part.setLength(0);
            }
            socket.request(1);
            return null;
        }

        @Override
        public void onError(WebSocket socket, Throwable error) {
            waiting.values().forEach(answer -> answer.completeExceptionally(error));
        }

        private void take(String text) {
            JsonNode message;
            try {
                message = JSON.readTree(text);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            if (message.has("id")) {
                waiting.remove(message.get("id").asInt()).complete(message);
                return;
            }
            String method = message.get("method").asText();
            if (method.equals("Page.loadEventFired")) {
                loaded.complete(message);
            }
            boolean thrown = method.equals("Runtime.exceptionThrown");
            boolean logged = method.equals("Log.entryAdded")
                    && message.at("/params/entry/level").asText().equals("error");
            boolean printed = method.equals("Runtime.consoleAPICalled")
                    && message.at("/params/type").asText().equals("error");
            if (thrown || logged || printed) {
                problems.add(message.get("params").toString());
            }
        }
    }
}
