package tutti.deploy.agent;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tutti.common.config.RunConfig;
import tutti.common.config.Settings;

/** A process with a real {@link Agent}, little patience and {@link FakeChild}ren. The environment may say how long they have to leave. */
final class FakeAgent {
    static final Patience LITTLE =
            new Patience(Duration.ofSeconds(5), Duration.ofMillis(2500), Duration.ofMillis(1000));

    private FakeAgent() {}

    /** @param args flags as {@code --key=value}, then the words of the children */
    public static void main(String[] args) {
        Map<String, String> flags = new LinkedHashMap<>();
        Arrays.stream(args)
                .filter(arg -> arg.startsWith("--"))
                .forEach(arg -> flags.put(arg.substring(2, arg.indexOf('=')), arg.substring(arg.indexOf('=') + 1)));
        List<String> words =
                Arrays.stream(args).filter(arg -> !arg.startsWith("--")).toList();
        ChildCommand command = (role, unused) -> java(FakeChild.class, words);
        Settings settings = Settings.of(flags, null);
        Patience patience = new Patience(
                Duration.ofSeconds(Long.parseLong(System.getenv()
                        .getOrDefault(
                                "FAKE_LEAVE_SECONDS",
                                Long.toString(LITTLE.leave().toSeconds())))),
                LITTLE.lastWord(),
                LITTLE.term());
        Agent agent = new Agent(command, List.of(), patience);
        if (flags.containsKey("preemption_grace_seconds")) {
            agent.preemptible();
        }
        System.exit(agent.run(settings, RunConfig.read(settings)));
    }

    /** A small JVM with this test's class path. */
    static List<String> java(Class<?> main, List<String> args) {
        List<String> command = new ArrayList<>(List.of(
                System.getProperty("java.home") + "/bin/java",
                "--add-opens",
                "java.base/jdk.internal.misc=ALL-UNNAMED",
                "-XX:-UsePerfData",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Xmx128m",
                "-cp",
                System.getProperty("java.class.path"),
                main.getName()));
        command.addAll(args);
        return command;
    }
}
