package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import tutti.test.support.Root;

/**
 * One {@code deploy/bin/tutti} with everything that it starts. A mark in the environment, which children inherit, finds its
 * processes again even after their parent is dead. Closing kills what is left.
 */
final class TuttiProcess implements AutoCloseable {
    /** For what takes seconds on an idle machine. */
    static final Duration LONG = Duration.ofMinutes(4);

    private static final String MARK = "TUTTI_TEST_MARK";
    private static final Path SHARED_MEMORY = Path.of("/dev/shm");
    private static final Path PROC = Path.of("/proc");

    private final String mark = UUID.randomUUID().toString();
    private final Process process;
    private final Thread outReader;
    private final Thread errReader;
    /** Both streams, as they came. Guarded by itself; its monitor tells of new lines and of the end. */
    private final List<String> lines = new ArrayList<>();

    private final List<String> standardOut = new ArrayList<>();
    private int openStreams = 2;

    private TuttiProcess(ProcessBuilder builder) {
        builder.environment().put(MARK, mark);
        try {
            process = builder.start();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        outReader = reader("tutti-out", process.getInputStream(), true);
        errReader = reader("tutti-err", process.getErrorStream(), false);
    }

    /** Skips the test, saying so, where the distribution has not been assembled. */
    static Path program() {
        Path root = Root.path();
        boolean built;
        try (Stream<Path> files = Files.isDirectory(root.resolve("deploy/target"))
                ? Files.list(root.resolve("deploy/target"))
                : Stream.of()) {
            built = files.anyMatch(file ->
                    file.getFileName().toString().startsWith("tutti-") && Files.isDirectory(file.resolve("lib")));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        Assumptions.assumeTrue(
                built, "skipped: no distribution in deploy/target; mvn verify makes one, mvn test does not");
        return root.resolve("deploy/bin/tutti");
    }

    static TuttiProcess start(Path folder, Map<String, String> environment, List<String> words) {
        return start(folder, List.of(), environment, words);
    }

    /** @param prefix words that become the command in the end, without a process of their own */
    private static TuttiProcess start(
            Path folder, List<String> prefix, Map<String, String> environment, List<String> words) {
        List<String> command = new ArrayList<>(prefix);
        command.add(program().toString());
        command.addAll(words);
        ProcessBuilder builder = new ProcessBuilder(command).directory(folder.toFile());
        builder.environment().keySet().removeAll(List.of("OMP_NUM_THREADS", "TUTTI_RUN_ID", "TUTTI_CONSOLE_TOKEN"));
        builder.environment().putAll(environment);
        return new TuttiProcess(builder);
    }

    static TuttiProcess start(Path folder, String... words) {
        return start(folder, Map.of(), Arrays.asList(words));
    }

    /** {@code tutti run} with flags as a map. */
    static TuttiProcess run(Path folder, Map<String, String> flags) {
        return run(folder, List.of(), Map.of(), flags);
    }

    /** @param prefix such as {@link Hosts#on} */
    static TuttiProcess run(
            Path folder, List<String> prefix, Map<String, String> environment, Map<String, String> flags) {
        return start(folder, prefix, environment, words("run", flags));
    }

    /** {@code tutti data} with flags as a map. */
    static TuttiProcess data(Path folder, Map<String, String> flags) {
        return start(folder, Map.of(), words("data", flags));
    }

    /** A command's words with flags as a map. */
    static List<String> words(String command, Map<String, String> flags) {
        List<String> words = new ArrayList<>(List.of(command));
        flags.forEach((name, value) -> words.addAll(List.of("--" + name, value)));
        return words;
    }

    /** Writes lines to the standard input. */
    void say(String... lines) throws IOException {
        OutputStream in = process.getOutputStream();
        for (String line : lines) {
            in.write((line + "\n").getBytes(StandardCharsets.UTF_8));
        }
        in.flush();
    }

    /** Ends the standard input. */
    void endInput() throws IOException {
        process.getOutputStream().close();
    }

    /** Of the agent: the script becomes the JVM. */
    long pid() {
        return process.pid();
    }

    /** What was printed so far, on both streams. */
    List<String> lines() {
        synchronized (lines) {
            return List.copyOf(lines);
        }
    }

    String text() {
        return String.join("\n", lines());
    }

    /** Standard output alone. */
    String out() {
        synchronized (lines) {
            return String.join("\n", standardOut);
        }
    }

    /** The errors of the command itself, without those that workers show behind their prefix. */
    List<String> errors() {
        return errors(lines());
    }

    static List<String> errors(List<String> lines) {
        return lines.stream().filter(line -> line.startsWith("tutti: error: ")).toList();
    }

    /** Waits for a line in which the pattern is found; fails with the whole output when the process ends without one. */
    Matcher awaitLine(String regex) throws InterruptedException {
        return awaitLines(List.of(regex));
    }

    /** As {@link #awaitLine}, for one line after the other. @return of the last one */
    Matcher awaitLines(List<String> regexes) throws InterruptedException {
        int from = 0;
        Matcher found = null;
        for (String regex : regexes) {
            Optional<Line> line = nextLine(from, regex);
            assertThat(line)
                    .as(() -> "no line with '%s' in:%n%s".formatted(regex, text()))
                    .isPresent();
            from = line.get().number() + 1;
            found = line.get().matcher();
        }
        return found;
    }

    /** @param number from 0 */
    record Line(int number, Matcher matcher) {}

    /** Waits for a line from number {@code from} on; empty when the process ends without one, or does not say it in time. */
    Optional<Line> nextLine(int from, String regex) throws InterruptedException {
        Pattern pattern = Pattern.compile(regex);
        long deadline = System.nanoTime() + LONG.toNanos();
        synchronized (lines) {
            for (int number = from; ; number++) {
                while (number >= lines.size()) {
                    long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
                    if (openStreams == 0 || left <= 0) {
                        return Optional.empty();
                    }
                    lines.wait(left);
                }
                Matcher matcher = pattern.matcher(lines.get(number));
                if (matcher.find()) {
                    return Optional.of(new Line(number, matcher));
                }
            }
        }
    }

    /** Waits for the end of the agent. Fails with the whole output when it takes longer. */
    int exitCode(Duration within) throws InterruptedException {
        assertThat(process.waitFor(within.toMillis(), TimeUnit.MILLISECONDS))
                .as(() -> "still running after %s; it said:%n%s".formatted(within, text()))
                .isTrue();
        // A grandchild that lives on may hold the streams: then what was read is what there is.
        outReader.join(TimeUnit.SECONDS.toMillis(5));
        errReader.join(TimeUnit.SECONDS.toMillis(5));
        return process.exitValue();
    }

    int exitCode() throws InterruptedException {
        return exitCode(LONG);
    }

    /** Waits for an orderly end of a run that must succeed. */
    void succeed() throws InterruptedException {
        int code = exitCode();
        assertThat(code).as(() -> "exit code; it said:%n" + text()).isZero();
        assertLeftNothing();
    }

    /** Sends a signal by name to the agent alone. */
    void signal(String name) throws IOException, InterruptedException {
        signal(pid(), name);
    }

    /** Sends a signal by name to a process, which must be one of ours. */
    void signal(long pid, String name) throws IOException, InterruptedException {
        assertThat(pids()).contains(pid);
        Process kill = new ProcessBuilder("kill", "-" + name, Long.toString(pid))
                .inheritIO()
                .start();
        assertThat(kill.waitFor()).isZero();
    }

    /** All processes of this command that are alive, the agent included. */
    List<Long> pids() {
        List<Long> found = new ArrayList<>();
        String wanted = MARK + "=" + mark;
        try (DirectoryStream<Path> all = Files.newDirectoryStream(PROC, "[0-9]*")) {
            for (Path one : all) {
                if (environmentOf(one).contains(wanted)) {
                    found.add(Long.parseLong(one.getFileName().toString()));
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return found;
    }

    /** The process that plays a role: {@code coordinator} or {@code worker}, the latter by rank. */
    long pidOf(String role, int rank) {
        return find(role, rank)
                .orElseThrow(() -> new AssertionError("no %s %d among %s".formatted(role, rank, pids())));
    }

    /** As {@link #pidOf}, if it lives. */
    Optional<Long> find(String role, int rank) {
        return pids().stream()
                .filter(pid -> commandLineOf(pid).contains("tutti.deploy.Tutti\0" + role + "\0"))
                .filter(pid -> role.equals("coordinator")
                        || Arrays.asList(environmentOf(PROC.resolve(Long.toString(pid)))
                                        .split("\0"))
                                .contains("RANK=" + rank))
                .findFirst();
    }

    /** No process that this command started is alive, and its folder in shared memory is gone. */
    void assertLeftNothing() throws InterruptedException {
        assertLeftNothing(LONG);
    }

    void assertLeftNothing(Duration within) throws InterruptedException {
        assertThat(awaitEnd(within))
                .as(() -> "processes left over; the run said:%n" + text())
                .isEmpty();
        assertThat(sharedMemory(pid())).as("folders left in shared memory").isEmpty();
    }

    /** Folders there of an agent. */
    static List<Path> sharedMemory(long agent) {
        List<Path> folders = new ArrayList<>();
        try (DirectoryStream<Path> all = Files.newDirectoryStream(SHARED_MEMORY, "tutti-" + agent + "-*")) {
            all.forEach(folders::add);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return folders;
    }

    /** Waits for the end of all processes of this command. @return those that did not end in time */
    List<Long> awaitEnd(Duration within) throws InterruptedException {
        CompletableFuture<?>[] ends = pids().stream()
                .flatMap(pid -> ProcessHandle.of(pid).stream())
                .map(ProcessHandle::onExit)
                .toArray(CompletableFuture<?>[]::new);
        try {
            CompletableFuture.allOf(ends).get(within.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            return pids();
        } catch (ExecutionException e) {
            throw new IllegalStateException(e);
        }
        return pids();
    }

    /** Kills what is left: the agent first, so that it starts nothing more. */
    @Override
    public void close() {
        process.toHandle().destroyForcibly();
        process.onExit().join();
        pids().stream().flatMap(pid -> ProcessHandle.of(pid).stream()).forEach(ProcessHandle::destroyForcibly);
    }

    private Thread reader(String name, InputStream stream, boolean out) {
        Thread thread = new Thread(
                () -> {
                    try (BufferedReader reader =
                            new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8))) {
                        for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                            add(line, out);
                        }
                    } catch (IOException e) {
                        add("(the stream broke: " + e + ")", out);
                    } finally {
                        synchronized (lines) {
                            openStreams--;
                            lines.notifyAll();
                        }
                    }
                },
                name);
        thread.setDaemon(true);
        thread.start();
        return thread;
    }

    private void add(String line, boolean out) {
        synchronized (lines) {
            lines.add(line);
            if (out) {
                standardOut.add(line);
            }
            lines.notifyAll();
        }
    }

    private static String environmentOf(Path proc) {
        return read(proc.resolve("environ"));
    }

    private static String commandLineOf(long pid) {
        return read(PROC.resolve(Long.toString(pid)).resolve("cmdline"));
    }

    /** Empty for a process that is gone or another user's. */
    private static String read(Path file) {
        try {
            return new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
        } catch (IOException e) {
            return "";
        }
    }
}
