package tutti.coordinator.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.UserPrincipal;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;

/** A server of its own in a temporary folder, on a free port of the loopback address. It refuses root, so the user postgres runs it then. */
final class PostgresqlServer {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final boolean ROOT = System.getProperty("user.name").equals("root");

    private final Path bin;
    private final Path folder;
    private final int port;
    private Process process;

    private PostgresqlServer(Path bin, Path folder, int port) {
        this.bin = bin;
        this.folder = folder;
        this.port = port;
    }

    /** Where its programs are. */
    static Optional<Path> bin() {
        try (Stream<Path> versions = Files.exists(Path.of("/usr/lib/postgresql"))
                ? Files.list(Path.of("/usr/lib/postgresql"))
                : Stream.empty()) {
            List<Path> places = new ArrayList<>(versions.map(version -> version.resolve("bin"))
                    .sorted(Comparator.reverseOrder())
                    .toList());
            Stream.of(System.getenv("PATH").split(":")).map(Path::of).forEach(places::add);
            return places.stream()
                    .filter(place -> Files.isExecutable(place.resolve("initdb"))
                            && Files.isExecutable(place.resolve("postgres")))
                    .findFirst();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    static PostgresqlServer start() throws Exception {
        Path folder = Files.createTempDirectory("tutti-postgresql");
        Path secret = Files.writeString(folder.resolve("secret"), "a secret of tests");
        if (ROOT) {
            UserPrincipal postgres =
                    folder.getFileSystem().getUserPrincipalLookupService().lookupPrincipalByName("postgres");
            Files.setOwner(folder, postgres);
            Files.setOwner(secret, postgres);
        }
        int port;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = free.getLocalPort();
        }
        PostgresqlServer server = new PostgresqlServer(bin().orElseThrow(), folder, port);
        Process made = server.command(
                "initdb",
                "-D",
                "data",
                "-U",
                "tutti",
                "-A",
                "scram-sha-256",
                "--pwfile=secret",
                "--no-sync",
                "-E",
                "UTF8");
        assertThat(made.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
        assertThat(made.exitValue()).as("initdb; see " + folder).isZero();
        server.run();
        return server;
    }

    /** Starts it, again after {@link #stop}. */
    void run() throws Exception {
        process = command(
                "postgres", "-D", "data", "-p", Integer.toString(port), "-k", "", "-c", "listen_addresses=127.0.0.1");
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!answers()) {
            assertThat(process.isAlive()).as("the server; see " + folder).isTrue();
            assertThat(System.nanoTime()).as("the server answers").isLessThan(deadline);
            LockSupport.parkNanos(50_000_000);
        }
    }

    private boolean answers() {
        try (var connection = DriverManager.getConnection(url(), user(), password())) {
            return connection.isValid(5);
        } catch (SQLException e) {
            return false;
        }
    }

    /** At once, whoever is connected. */
    void stop() throws Exception {
        new ProcessBuilder("kill", "-INT", Long.toString(process.pid())).start().waitFor();
        assertThat(process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
    }

    private Process command(String program, String... words) throws IOException {
        List<String> line = new ArrayList<>();
        if (ROOT) {
            line.addAll(List.of("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"));
        }
        line.add(bin.resolve(program).toString());
        line.addAll(List.of(words));
        return new ProcessBuilder(line)
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(
                        ProcessBuilder.Redirect.appendTo(folder.resolve("log").toFile()))
                .start();
    }

    String url() {
        return "jdbc:postgresql://127.0.0.1:%d/postgres".formatted(port);
    }

    String user() {
        return "tutti";
    }

    String password() {
        return "a secret of tests";
    }

    /** Nothing is left of it. */
    void end() throws Exception {
        stop();
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
