package tutti.common.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.common.error.TuttiException;

class SeatTest {
    private static final WorkerSeat WORKER =
            new WorkerSeat(3, 1, 1, 4, "10.0.0.1", 29500, "0123456789abcdef", Path.of("/dev/shm/tutti-1"), 2);
    private static final CoordinatorSeat COORDINATOR = new CoordinatorSeat(
            "127.0.0.1", 29500, "0123456789abcdef", "secret", Optional.of(Path.of("/dev/shm/a")), 2, true, 120);

    @Test
    void shouldReadBackWhatTheAgentWrote() {
        assertThat(WorkerSeat.fromEnvironment(WORKER.environment())).isEqualTo(WORKER);
        assertThat(CoordinatorSeat.fromEnvironment(COORDINATOR.environment())).isEqualTo(COORDINATOR);
    }

    @ParameterizedTest
    @ValueSource(strings = {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "TUTTI_RUN_ID", "TUTTI_AERON_DIR"})
    void shouldNameTheMissingVariable(String name) {
        Map<String, String> environment = new HashMap<>(WORKER.environment());
        environment.remove(name);

        assertThatThrownBy(() -> WorkerSeat.fromEnvironment(environment))
                .isInstanceOf(TuttiException.class)
                .hasMessageStartingWith(name + ": not in the environment");
    }

    @ParameterizedTest
    @CsvSource({"RANK,4", "RANK,-1", "MASTER_PORT,0", "MASTER_PORT,http", "TUTTI_THREADS,0"})
    void shouldNameTheVariableThatIsWrong(String name, String value) {
        Map<String, String> environment = new HashMap<>(WORKER.environment());
        environment.put(name, value);

        assertThatThrownBy(() -> WorkerSeat.fromEnvironment(environment))
                .isInstanceOf(TuttiException.class)
                .hasMessageStartingWith(name + "=" + value);
    }

    @Test
    void shouldNotPrintTheToken() {
        assertThat(COORDINATOR.toString()).doesNotContain("secret");
    }

    @ParameterizedTest
    @CsvSource({"120,120", "0,80", "wide,80", "'',80"})
    void shouldTakeAWidthThatMakesSense(String text, int columns) {
        assertThat(CoordinatorSeat.columns(Map.of("COLUMNS", text))).isEqualTo(columns);
    }
}
