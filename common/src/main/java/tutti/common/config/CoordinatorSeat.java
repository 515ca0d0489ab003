package tutti.common.config;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Where the coordinator process listens and how it may draw. The agent writes it into the coordinator's environment.
 *
 * @param host address to listen on for workers
 * @param consoleToken secret of the admin console; never logged, never written to a file
 * @param aeronDir folder of the agent, which owns and deletes it; empty: nobody watches this process
 * @param restarts coordinators that this run has had before, all of them killed
 * @param progressBar true: output is a terminal that can redraw a line; false: plain lines only
 * @param columns width of that terminal in characters
 */
public record CoordinatorSeat(
        String host,
        int port,
        String runId,
        String consoleToken,
        Optional<Path> aeronDir,
        int restarts,
        boolean progressBar,
        int columns) {
    private static final String BAR = "bar";
    private static final int USUAL_COLUMNS = 80;

    /** @throws tutti.common.error.TuttiException (user) naming the variable that is missing or wrong */
    public static CoordinatorSeat fromEnvironment(Map<String, String> environment) {
        SeatReader seat = new SeatReader("coordinator", environment);
        return new CoordinatorSeat(
                seat.text(SeatReader.MASTER_ADDR),
                seat.integer(SeatReader.MASTER_PORT, 1, 65535),
                seat.text(SeatReader.RUN_ID),
                seat.text(SeatReader.CONSOLE_TOKEN),
                Optional.ofNullable(environment.get(SeatReader.AERON_DIR)).map(Path::of),
                environment.containsKey(SeatReader.RESTARTS)
                        ? seat.integer(SeatReader.RESTARTS, 0, Integer.MAX_VALUE)
                        : 0,
                BAR.equals(environment.get(SeatReader.PROGRESS)),
                columns(environment));
    }

    /** What {@link #fromEnvironment} reads back as an equal seat. */
    public Map<String, String> environment() {
        Map<String, String> variables = new LinkedHashMap<>();
        variables.put(SeatReader.MASTER_ADDR, host);
        variables.put(SeatReader.MASTER_PORT, Integer.toString(port));
        variables.put(SeatReader.RUN_ID, runId);
        variables.put(SeatReader.CONSOLE_TOKEN, consoleToken);
        aeronDir.ifPresent(folder -> variables.put(SeatReader.AERON_DIR, folder.toString()));
        variables.put(SeatReader.RESTARTS, Integer.toString(restarts));
        variables.put(SeatReader.PROGRESS, progressBar ? BAR : "plain");
        variables.put(SeatReader.COLUMNS, Integer.toString(columns));
        return variables;
    }

    /** Of the next coordinator of the same run. */
    public CoordinatorSeat again() {
        return new CoordinatorSeat(host, port, runId, consoleToken, aeronDir, restarts + 1, progressBar, columns);
    }

    /** What this coordinator touches every few seconds, for the agent to see that its actors move. */
    public Optional<Path> heartbeat() {
        return aeronDir.map(folder -> folder.resolve("coordinator-%d.beat".formatted(restarts)));
    }

    /** The width that a shell told, or 80. */
    public static int columns(Map<String, String> environment) {
        String text = environment.getOrDefault(SeatReader.COLUMNS, "");
        // A shell's leftover, not a setting: what is no sensible width is no error either.
        return text.matches("[1-9][0-9]{1,3}") ? Integer.parseInt(text) : USUAL_COLUMNS;
    }

    /** Hides the token, so that a logged seat gives nothing away. */
    @Override
    public String toString() {
        return "CoordinatorSeat[%s:%d, run %s]".formatted(host, port, runId);
    }
}
