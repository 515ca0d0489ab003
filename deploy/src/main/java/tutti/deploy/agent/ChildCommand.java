package tutti.deploy.agent;

import static tutti.common.error.TuttiException.require;

import java.io.File;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import tutti.common.error.TuttiException;

/** The command line of one child process. */
@FunctionalInterface
public interface ChildCommand {

    /** What a child does, and so what its JVM is tuned for. */
    enum Role {
        /** Short-lived code all over: the quick compiler alone halves its processor time. */
        COORDINATOR("512m", "-XX:TieredStopAtLevel=1"),
        /** Tensors lie outside of the heap. */
        WORKER(
                "2g",
                // A step is thousands of short native calls: the quick compiler is as good, and ready from the first
                // step on.
                "-XX:TieredStopAtLevel=1",
                // A heap that is small and touched from the start does not grow under the memory plan.
                "-Xms64m",
                "-Xmn32m",
                "-XX:+AlwaysPreTouch",
                // Start-up loads some 60 MB of classes: no full collections for that.
                "-XX:MetaspaceSize=96m");

        private final String heap;
        private final List<String> tuning;

        Role(String heap, String... tuning) {
            this.heap = heap;
            this.tuning = List.of(tuning);
        }

        /** The subcommand of {@code tutti} that is this process. */
        public String word() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** Environment variable: the largest heap of a worker, such as {@code 4g}; 2g if unset. */
    String WORKER_HEAP = "TUTTI_WORKER_HEAP";

    /** System property: the file that {@code bin/class-archive} made, if there is one. */
    String CLASS_ARCHIVE = "tutti.class.archive";

    /** @param words of the {@code tutti} command that the child runs */
    List<String> of(Role role, List<String> words);

    /**
     * The same Java and the same class path as this process.
     *
     * @throws TuttiException (user) if {@link #WORKER_HEAP} is in the environment but no size
     */
    static ChildCommand sameJava(Class<?> main, boolean verbose, Map<String, String> environment) {
        String given = environment.getOrDefault(WORKER_HEAP, Role.WORKER.heap);
        require(
                given.matches("([1-9]\\d{2,}|[7-9]\\d|6[4-9])m|[1-9]\\d*g"),
                "%s=%s in the environment: a size such as 4g or 1500m is needed, at least 64m",
                WORKER_HEAP,
                given);
        return (role, words) -> {
            List<String> line = new ArrayList<>(List.of(
                    System.getProperty("java.home") + File.separator + "bin" + File.separator + "java",
                    // Agrona reaches into jdk.internal.misc.
                    "--add-opens",
                    "java.base/jdk.internal.misc=ALL-UNNAMED",
                    "-XX:-UsePerfData",
                    // Tensors live outside the heap: a small heap with no collector threads leaves the cores to them.
                    "-XX:+UseSerialGC",
                    "-Xshare:auto",
                    // JavaCPP would ask for the memory of the process at every native object, and refuse one above
                    // twice the heap.
                    "-Dorg.bytedeco.javacpp.maxphysicalbytes=0",
                    "-Xmx" + (role == Role.WORKER ? given : role.heap),
                    "-Dlogback.configurationFile=" + System.getProperty("logback.configurationFile", "logback.xml"),
                    "-cp",
                    System.getProperty("java.class.path"),
                    main.getName()));
            line.addAll(1, role.tuning);
            if (System.getProperty(CLASS_ARCHIVE) != null) {
                line.add(1, "-XX:SharedArchiveFile=" + System.getProperty(CLASS_ARCHIVE));
            }
            line.addAll(words);
            if (verbose) {
                line.add("--verbose");
            }
            return line;
        };
    }
}
