package tutti.common.protocol;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import tutti.common.protocol.WorkerCommand.Assign;

class GradientKeyTest {

    @Test
    void shouldBeAnotherOneEachTime() {
        assertThat(GradientKey.random().bytes())
                .hasSize(32)
                .isNotEqualTo(GradientKey.random().bytes());
    }

    @Test
    void shouldNotShowInWhatIsPrinted() {
        assertThat(assign(GradientKey.random()).toString())
                .contains("resumeFrom=/out", "GradientKey[hidden]")
                .isEqualTo(assign(GradientKey.random()).toString());
    }

    @Test
    void shouldRefuseAnotherLength() {
        assertThatThrownBy(() -> new GradientKey(new byte[16])).hasMessageContaining("16 bytes, not 32");
    }

    private static Assign assign(GradientKey key) {
        return new Assign("ab12", 1, 0, 2, List.of(), "/out", -1, Optional.of(key), null);
    }
}
