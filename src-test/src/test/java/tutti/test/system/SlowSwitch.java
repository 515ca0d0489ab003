package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Assumptions;

/** An Ethernet switch that takes 20 ms for every frame and loses one in a hundred: {@code slow_switch.py}, which ends with us. */
final class SlowSwitch implements AutoCloseable {
    static final int DELAY_MS = 20;

    private static final String LOSS = "0.01";
    private static final String SEED = "1";
    /** The script's word for a machine without tap devices. */
    private static final int NOT_HERE = 77;

    private static final Pattern COUNTS = Pattern.compile("carried (\\d+) lost (\\d+)");

    private final Process process;
    private final BufferedReader said;

    private SlowSwitch(Process process) {
        this.process = process;
        this.said = process.inputReader();
    }

    /**
     * Starts it; its ports exist when this returns.
     *
     * @param prefix words before the command
     * @param folder for the script
     */
    static SlowSwitch start(List<String> prefix, List<String> ports, Path folder) {
        List<String> command = new ArrayList<>(prefix);
        try (InputStream source = SlowSwitch.class.getResourceAsStream("slow_switch.py")) {
            Path script = folder.resolve("slow_switch.py");
            Files.copy(source, script);
            command.addAll(List.of("python3", script.toString(), Integer.toString(DELAY_MS), LOSS, SEED));
            command.addAll(ports);
            SlowSwitch slow = new SlowSwitch(
                    new ProcessBuilder(command).redirectErrorStream(true).start());
            slow.awaitReady();
            return slow;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void awaitReady() throws IOException {
        String line = said.readLine();
        if (!"ready".equals(line)) {
            int code = end();
            // 255: ip could not start python3.
            Assumptions.assumeFalse(code == NOT_HERE || code == 255, () -> "skipped: the slow switch: " + line);
            throw new AssertionError("the slow switch ended with code %d: %s".formatted(code, line));
        }
    }

    /** Ends it. @return how many frames it lost */
    long lost() throws IOException {
        assertThat(end()).isZero();
        String line = said.readLine();
        Matcher counts = COUNTS.matcher(String.valueOf(line));
        assertThat(counts.matches()).as(line).isTrue();
        System.out.printf("the slow switch %s frames%n", line);
        return Long.parseLong(counts.group(2));
    }

    /** The script ends with its input. */
    private int end() {
        try {
            process.getOutputStream().close();
            assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
            return process.exitValue();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() {
        process.destroyForcibly().onExit().join();
    }
}
