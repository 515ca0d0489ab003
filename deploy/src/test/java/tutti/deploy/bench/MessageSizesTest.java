package tutti.deploy.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

class MessageSizesTest {
    @Test
    void shouldReadSizesInTheirOrder() {
        assertThat(MessageSizes.parse("4m,4,1K, 256k,1g,1073741824"))
                .containsExactly(4 << 20, 4, 1 << 10, 256 << 10, 1 << 30, 1 << 30);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"", "0", "6", "3", "-4", "2g", "1025m", "9999999999g", "12345678901", "4kb", "1.5k", "m", "1e3"})
    void shouldNameWhatIsNoSize(String word) {
        assertThatThrownBy(() -> MessageSizes.parse("4k," + word))
                .isInstanceOfSatisfying(
                        TuttiException.class, e -> assertThat(e.category()).isEqualTo(Category.USER))
                .hasMessageStartingWith("--bytes %s: a size such as", word.isEmpty() ? "(empty)" : word);
    }
}
