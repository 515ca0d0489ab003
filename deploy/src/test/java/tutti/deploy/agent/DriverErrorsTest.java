package tutti.deploy.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class DriverErrorsTest {
    @Test
    void shouldTellFewOfManyErrorsOfOneKindAndTheFirstOfAnother() {
        List<String> told = new ArrayList<>();
        DriverErrors errors = new DriverErrors(told::add);
        for (int i = 1; i <= 250; i++) {
            errors.onError(new IllegalArgumentException("mtu=" + i));
        }
        errors.onError(new IllegalStateException("full"));
        assertThat(told)
                .containsExactly(
                        "media driver: java.lang.IllegalArgumentException: mtu=1",
                        "media driver: java.lang.IllegalArgumentException: mtu=10 (number 10 of its kind)",
                        "media driver: java.lang.IllegalArgumentException: mtu=100 (number 100 of its kind)",
                        "media driver: java.lang.IllegalStateException: full");
    }
}
