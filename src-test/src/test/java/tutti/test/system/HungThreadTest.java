package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.jdi.Bootstrap;
import com.sun.jdi.VirtualMachine;
import com.sun.jdi.connect.AttachingConnector;
import com.sun.jdi.connect.Connector;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.test.support.Soak;
import tutti.test.support.TrainSpec;

/** A training thread that stands still in a process that lives, as before a device that does not answer: a debugger holds it. */
class HungThreadTest {
    private static final Pattern LISTENS = Pattern.compile("Listening for transport dt_socket at address: (\\d+)");
    private static final Duration SOON = Duration.ofSeconds(90);

    @TempDir
    Path folder;

    @Test
    void shouldStartAWorkerAgainWhoseTrainingThreadHangsAndEndWithTheSameBits() throws Exception {
        Soak.require();
        Path data = TrainSpec.writeData(folder);
        RunOutput undisturbed = new RunOutput(folder.resolve("undisturbed"));
        try (TuttiProcess run = TuttiProcess.run(folder, flags(data, undisturbed))) {
            run.succeed();
        }
        RunOutput output = new RunOutput(folder.resolve("out"));
        Map<String, String> debugged = Map.of(
                "JAVA_TOOL_OPTIONS", "-agentlib:jdwp=transport=dt_socket,server=y,suspend=n,address=127.0.0.1:0");
        try (TuttiProcess run = TuttiProcess.run(folder, List.of(), debugged, flags(data, output))) {
            run.awaitLine("^step [2-9]\\d*/");
            suspendTraining(output.folder().resolve("logs/rank-1.log"));
            run.awaitLine("warning: rank 1 .* hangs \\(.*\\); the stacks of its threads are in logs/rank-1.log");
            run.succeed();
            run.assertLeftNothing(SOON);
        }
        assertThat(output.hash(2)).isEqualTo(undisturbed.hash(2));
        assertThat(Files.readString(output.folder().resolve("logs/rank-1.log")))
                .contains("the training thread hangs (", "\"tutti-train\"", "tutti.worker.train.TrainStep");
    }

    @Test
    void shouldStartTheOnlyWorkerAgainWhoseTrainingThreadHangsThoughNobodyWaitsForIt() throws Exception {
        Soak.require();
        Path data = TrainSpec.writeData(folder);
        RunOutput output = new RunOutput(folder.resolve("out"));
        Map<String, String> flags = flags(data, output);
        flags.put("nproc_per_node", "1");
        flags.put("allreduce_timeout", "1");
        flags.put("max_steps", "300");
        Map<String, String> debugged = Map.of(
                "JAVA_TOOL_OPTIONS", "-agentlib:jdwp=transport=dt_socket,server=y,suspend=n,address=127.0.0.1:0");
        try (TuttiProcess run = TuttiProcess.run(folder, List.of(), debugged, flags)) {
            run.awaitLine("^step [2-9]\\d*/");
            suspendTraining(output.folder().resolve("logs/rank-0.log"));
            run.awaitLine("worker rank 0 .* was killed .*; started again");
            run.succeed();
        }
        output.hash(1);
        assertThat(Files.readString(output.folder().resolve("logs/rank-0.log")))
                .contains("the training thread hangs (", "\"tutti-train\"");
    }

    private static void suspendTraining(Path log) throws Exception {
        attach(log).allThreads().stream()
                .filter(thread -> thread.name().equals("tutti-train"))
                .findFirst()
                .orElseThrow()
                .suspend();
    }

    private static VirtualMachine attach(Path log) throws Exception {
        Matcher listens = LISTENS.matcher(Files.readString(log));
        assertThat(listens.find())
                .as("%s says where the debugger finds it", log)
                .isTrue();
        AttachingConnector sockets = Bootstrap.virtualMachineManager().attachingConnectors().stream()
                .filter(connector -> connector.name().equals("com.sun.jdi.SocketAttach"))
                .findFirst()
                .orElseThrow();
        Map<String, Connector.Argument> arguments = sockets.defaultArguments();
        arguments.get("hostname").setValue("127.0.0.1");
        arguments.get("port").setValue(listens.group(1));
        return sockets.attach(arguments);
    }

    private static Map<String, String> flags(Path data, RunOutput output) {
        Map<String, String> flags = TrainSpec.flags(data, output.folder(), 1, 1);
        flags.put("nproc_per_node", "2");
        flags.put("max_steps", "500");
        flags.put("allreduce_timeout", "8");
        flags.put("save_strategy", "no");
        return flags;
    }
}
