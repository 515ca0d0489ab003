package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;

/**
 * Hosts on one network, as network namespaces of this machine: they share everything but the network. All interfaces are made
 * inside the namespaces, so closing removes them too. Whoever runs processes on a host ends them first.
 */
final class Hosts implements AutoCloseable {
    private static final Path NAMESPACES = Path.of("/run/netns");
    /** With the pid of the test's JVM. */
    private static final Pattern NAME = Pattern.compile("tutti-test-(\\d+)-.*");

    private final String prefix = "tutti-test-%d-%08x-"
            .formatted(ProcessHandle.current().pid(), UUID.randomUUID().hashCode());
    private final String middle = prefix + "middle";
    private final List<String> namespaces = new ArrayList<>();
    private final int count;
    private SlowSwitch slowSwitch;

    private Hosts(int count) {
        this.count = count;
    }

    /** With a bridge between them. Skips the test, saying so, where this machine lets us make no such thing. */
    static Hosts onABridge(int count) {
        Hosts hosts = new Hosts(count);
        try {
            hosts.addNamespaces();
            ipOrSkip("-n", hosts.middle, "link", "add", "bridge", "type", "bridge");
            ip("-n", hosts.middle, "link", "set", "bridge", "up");
            for (int host = 0; host < count; host++) {
                String name = hosts.name(host);
                String peer = port(host);
                ipOrSkip("-n", name, "link", "add", "eth0", "type", "veth", "peer", peer, "netns", hosts.middle);
                ip("-n", hosts.middle, "link", "set", peer, "master", "bridge", "up");
                hosts.plugIn(host);
            }
            return hosts;
        } catch (Throwable e) {
            hosts.close();
            throw e;
        }
    }

    /** With a {@link SlowSwitch} between them. Skips the test as {@link #onABridge}, and where there is no python3. */
    static Hosts onASlowSwitch(int count, Path folder) {
        Hosts hosts = new Hosts(count);
        try {
            hosts.addNamespaces();
            List<String> ports = IntStream.range(0, count).mapToObj(Hosts::port).toList();
            hosts.slowSwitch = SlowSwitch.start(inside(hosts.middle), ports, folder);
            for (int host = 0; host < count; host++) {
                ip("-n", hosts.middle, "link", "set", port(host), "netns", hosts.name(host), "name", "eth0");
                hosts.plugIn(host);
            }
            return hosts;
        } catch (Throwable e) {
            hosts.close();
            throw e;
        }
    }

    private void addNamespaces() {
        add(middle);
        deleteStale();
        for (int host = 0; host < count; host++) {
            add(name(host));
            ip("-n", name(host), "link", "set", "lo", "up");
        }
    }

    private void add(String namespace) {
        ipOrSkip("netns", "add", namespace);
        namespaces.add(namespace);
    }

    private void plugIn(int host) {
        ip("-n", name(host), "addr", "add", address(host) + "/24", "dev", "eth0");
        ip("-n", name(host), "link", "set", "eth0", "up");
    }

    private String name(int host) {
        return prefix + "host-" + host;
    }

    private static String port(int host) {
        return "port" + host;
    }

    /** Of RFC 2544's range for such tests. */
    String address(int host) {
        return "198.18.0." + (host + 1);
    }

    /** The words before a command that is to run on a host. */
    List<String> on(int host) {
        return inside(name(host));
    }

    private static List<String> inside(String namespace) {
        return List.of("ip", "netns", "exec", namespace);
    }

    SlowSwitch slowSwitch() {
        return slowSwitch;
    }

    @Override
    public void close() {
        if (slowSwitch != null) {
            slowSwitch.close();
        }
        List<String> failures = namespaces.stream()
                .map(name -> new Outcome("netns", "del", name))
                .filter(outcome -> outcome.code != 0)
                .map(Outcome::toString)
                .toList();
        namespaces.clear();
        assertThat(failures).as("namespaces that could not be deleted").isEmpty();
    }

    /** Those of test JVMs that were killed. */
    private static void deleteStale() {
        if (!Files.isDirectory(NAMESPACES)) {
            return;
        }
        try (DirectoryStream<Path> all = Files.newDirectoryStream(NAMESPACES)) {
            for (Path one : all) {
                Matcher name = NAME.matcher(one.getFileName().toString());
                if (name.matches()
                        && ProcessHandle.of(Long.parseLong(name.group(1))).isEmpty()) {
                    ip("netns", "del", name.group());
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void ip(String... words) {
        Outcome outcome = new Outcome(words);
        assertThat(outcome.code).as(outcome.toString()).isZero();
    }

    /** For what needs rights or a kernel that can do it. */
    private static void ipOrSkip(String... words) {
        Outcome outcome = new Outcome(words);
        Assumptions.assumeTrue(outcome.code == 0, () -> "skipped: " + outcome);
    }

    /** Of one call of {@code ip}. */
    private static final class Outcome {
        private final List<String> command;
        private final String said;
        private final int code;

        Outcome(String... words) {
            command = Stream.concat(Stream.of("ip"), Stream.of(words)).toList();
            try {
                Process process =
                        new ProcessBuilder(command).redirectErrorStream(true).start();
                said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
                assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
                code = process.exitValue();
            } catch (IOException e) {
                throw Assumptions.<AssertionError>abort("skipped: no ip on PATH: " + e.getMessage());
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }

        @Override
        public String toString() {
            return String.join(" ", command) + ": " + said;
        }
    }
}
