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
    private static final TrainerState STATE = new TrainerState(7, 6, 20, 0.5, 42, 100, 8, 4, 2, "ab");

    @TempDir
    Path folder;

    @Test
    void shouldReadBackWhatItWrote() throws IOException {
        Files.write(folder.resolve(TrainerState.FILE), STATE.toJson());
        assertThat(TrainerState.read(folder)).isEqualTo(STATE);
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
