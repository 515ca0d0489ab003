package tutti.deploy.agent;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SocketBuffersTest {
    /** Aeron's driver refuses a window that is larger than the buffer behind it. */
    @ParameterizedTest
    @CsvSource({"4194304,2097152", "212992,131072", "131072,131072", "65536,65536"})
    void shouldLetASenderHaveHalfOfTheBufferOnTheWayAndNeverMoreThanAll(int receive, int window) {
        assertThat(new SocketBuffers(receive, 1 << 16).window()).isEqualTo(window);
    }

    @Test
    void shouldAskTheMachineForNoMoreThanIsWanted() {
        SocketBuffers here = SocketBuffers.probe();
        assertThat(here.receive()).isBetween(1, SocketBuffers.WANTED);
        assertThat(here.send()).isBetween(1, SocketBuffers.WANTED);
    }
}
