package tutti.common.config;

import static tutti.common.error.TuttiException.require;
import static tutti.common.error.TuttiException.user;

import java.util.Map;

/** Reads what an agent wrote into a child's environment; names the variable when it is missing or wrong. */
final class SeatReader {
    static final String RANK = "RANK";
    static final String LOCAL_RANK = "LOCAL_RANK";
    static final String NODE_RANK = "NODE_RANK";
    static final String WORLD_SIZE = "WORLD_SIZE";
    static final String MASTER_ADDR = "MASTER_ADDR";
    static final String MASTER_PORT = "MASTER_PORT";
    static final String RUN_ID = "TUTTI_RUN_ID";
    static final String AERON_DIR = "TUTTI_AERON_DIR";
    static final String THREADS = "TUTTI_THREADS";
    static final String CONSOLE_TOKEN = "TUTTI_CONSOLE_TOKEN";
    static final String RESTARTS = "TUTTI_RESTARTS";
    static final String PROGRESS = "TUTTI_PROGRESS";
    static final String COLUMNS = "COLUMNS";

    private final String process;
    private final Map<String, String> environment;

    SeatReader(String process, Map<String, String> environment) {
        this.process = process;
        this.environment = environment;
    }

    String text(String name) {
        String value = environment.get(name);
        require(
                value != null && !value.isBlank(),
                "%s: not in the environment; `tutti run` sets it when it starts a %s",
                name,
                process);
        return value;
    }

    int integer(String name, int low, int high) {
        String text = text(name);
        try {
            int value = Integer.parseInt(text);
            require(value >= low && value <= high, "%s=%d in the environment: %d to %d", name, value, low, high);
            return value;
        } catch (NumberFormatException e) {
            throw user("%s=%s in the environment: not a whole number", name, text);
        }
    }
}
