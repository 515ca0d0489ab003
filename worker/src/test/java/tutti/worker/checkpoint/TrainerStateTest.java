package tutti.worker.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

class TrainerStateTest {
    private static final TrainerState STATE = new TrainerState(7, 6, 20, 0.5, 42, 100, 8, 4, 2, 3, "ab");

    @TempDir
    Path folder;

    @Test
    void shouldReadBackWhatItWrote() throws IOException {
        Files.write(folder.resolve(TrainerState.FILE), STATE.toJson());
        assertThat(TrainerState.read(folder)).isEqualTo(STATE);
    }

    @Test
    void shouldReadAStateFromBeforeThreadsWereRecorded() throws IOException {
        String older = new String(STATE.toJson(), StandardCharsets.UTF_8).replaceFirst("\"threads\" : 3,\\s*", "");
        assertThat(older).doesNotContain("threads");
        Files.writeString(folder.resolve(TrainerState.FILE), older);
        assertThat(TrainerState.read(folder)).isEqualTo(new TrainerState(7, 6, 20, 0.5, 42, 100, 8, 4, 2, 0, "ab"));
    }

    @Test
    void shouldTellInWhatARunDepartsFromTheOneThatWroteIt() {
        assertThat(STATE.departures(42, 8, 4, 3)).isEmpty();
        assertThat(STATE.departures(42, 8, 2, 6))
                .satisfiesExactly(
                        line -> assertThat(line)
                                .contains("4 virtual ranks, now they are 2", "--virtual_ranks 4 keeps it"),
                        line -> assertThat(line)
                                .contains("of 3 threads, now they have 6", "OMP_NUM_THREADS=3 keeps it"));
        assertThat(STATE.departures(43, 16, 4, 3))
                .singleElement()
                .asString()
                .contains("global batch of 8 and --seed 42, now they are 16 and 43");
        TrainerState older = new TrainerState(7, 6, 20, 0.5, 42, 100, 8, 4, 2, 0, "ab");
        assertThat(older.departures(42, 8, 4, 3)).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"\"globalx\" : 7", "\"global_step\" : null", "\"global_step\" : \"x\""})
    void shouldRefuseAStateWithoutOneOfItsNumbers(String instead) throws IOException {
        String whole = new String(STATE.toJson(), StandardCharsets.UTF_8);
        String damaged = whole.replace("\"global_step\" : 7", instead);
        assertThat(damaged).isNotEqualTo(whole);
        Files.writeString(folder.resolve(TrainerState.FILE), damaged);
        assertThatThrownBy(() -> TrainerState.read(folder))
                .isInstanceOfSatisfying(
                        TuttiException.class, e -> assertThat(e.category()).isEqualTo(Category.DATA))
                .hasMessageContaining(TrainerState.FILE)
                .hasMessageNotContaining("\n");
    }
}
