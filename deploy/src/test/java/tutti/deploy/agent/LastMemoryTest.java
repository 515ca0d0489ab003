package tutti.deploy.agent;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class LastMemoryTest {
    @Test
    void shouldKeepWhatWasSeenOfAProcessThatIsGone() throws Exception {
        Process process = new ProcessBuilder("sleep", "60").start();
        try {
            LastMemory memory = new LastMemory(process.pid());
            assertThat(memory.figures()).isEmpty();
            memory.look(3L << 30);
            assertThat(memory.figures()).matches("it held \\d+ MiB, and 3,072 MiB of this machine's were free");
            String seen = memory.figures();
            process.destroyForcibly().waitFor();
            memory.look(4L << 30);
            assertThat(memory.figures()).isEqualTo(seen);
        } finally {
            process.destroyForcibly();
        }
    }
}
