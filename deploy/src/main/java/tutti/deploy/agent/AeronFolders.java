package tutti.deploy.agent;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The media drivers' folders: {@code tutti-PID-START-NAMESPACE-RANDOM}. START is the agent's start in clock ticks since boot, so
 * that a reused pid is not taken for it; NAMESPACE is its pid namespace, because containers may share one {@code /dev/shm} and
 * then cannot see each other's processes.
 */
final class AeronFolders {
    static final Path SHARED_MEMORY = Path.of("/dev/shm");

    private static final Logger LOG = LoggerFactory.getLogger(AeronFolders.class);
    private static final Pattern NAME = Pattern.compile("tutti-(\\d+)-(\\d+)-(\\d+)-[0-9a-f]+");
    private static final int START_FIELD = 22;

    private AeronFolders() {}

    /** A name for the process {@code pid}, which must be alive; the folder is not created. */
    static Path name(Path root, long pid) {
        byte[] random = new byte[4];
        new SecureRandom().nextBytes(random);
        return root.resolve("tutti-%d-%s-%s-%s"
                .formatted(pid, startTicks(pid), namespace(), HexFormat.of().formatHex(random)));
    }

    /** Deletes the folders of agents that are dead. What cannot be judged or deleted stays, with a warning. */
    static void deleteStale(Path root) {
        try (DirectoryStream<Path> folders = Files.newDirectoryStream(root, "tutti-*")) {
            for (Path folder : folders) {
                Matcher name = NAME.matcher(folder.getFileName().toString());
                if (name.matches() && isDead(name.group(1), name.group(2), name.group(3))) {
                    LOG.info("{}: left by an agent that is dead; deleted", folder);
                    Trees.delete(folder);
                }
            }
        } catch (IOException e) {
            LOG.warn("{}: could not clean up after dead agents: {}", root, e.toString());
        }
    }

    private static boolean isDead(String pid, String start, String namespace) {
        return namespace.equals(namespace()) && !start.equals(startTicks(Long.parseLong(pid)));
    }

    /** Field 22 of {@code /proc/PID/stat}; "0" for a process that is not there. */
    private static String startTicks(long pid) {
        try {
            String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
            // The program's name in field 2 may hold blanks and brackets.
            String[] fromThird = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
            return fromThird[START_FIELD - 3];
        } catch (IOException e) {
            return "0";
        }
    }

    /** The number in {@code pid:[4026531836]}; "0" where the kernel does not tell. */
    private static String namespace() {
        try {
            return Files.readSymbolicLink(Path.of("/proc/self/ns/pid"))
                    .toString()
                    .replaceAll("\\D", "");
        } catch (IOException e) {
            return "0";
        }
    }
}
