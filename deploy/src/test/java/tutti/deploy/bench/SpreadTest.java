package tutti.deploy.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;
import org.junit.jupiter.api.Test;

class SpreadTest {

    @Test
    void shouldFindTheMiddleWhateverTheOrder() {
        assertThat(Spread.of(List.of(9.0, -1.0, 4.0))).isEqualTo(new Spread(4, -1, 9));
    }

    @Test
    void shouldTakeTheMeanOfTheTwoInTheMiddle() {
        assertThat(Spread.of(List.of(8.0, 1.0, 2.0, 5.0))).isEqualTo(new Spread(3.5, 1, 8));
    }

    @Test
    void shouldBeOneValueThreeTimes() {
        assertThat(Spread.of(List.of(2.5))).isEqualTo(new Spread(2.5, 2.5, 2.5));
    }

    @Test
    void shouldRefuseNothing() {
        assertThatIllegalArgumentException().isThrownBy(() -> Spread.of(List.of()));
    }
}
