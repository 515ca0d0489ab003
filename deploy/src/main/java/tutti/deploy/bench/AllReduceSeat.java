package tutti.deploy.bench;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import java.util.List;
import tutti.common.config.AllReduceConfig.ReduceDType;
import tutti.common.config.TrainConfig.Backend;
import tutti.common.error.TuttiException;

/**
 * Who one rank of {@code tutti bench allreduce} is and what it does; its parent writes it into the rank's command line.
 *
 * @param group tells the ranks' frames from those of others; the same for all of them
 * @param reduceDType what travels
 * @param bytes of each message
 * @param ports by rank, for UDP; else empty
 * @param aeronDir folder of the media driver that serves this rank, which the parent owns and deletes
 */
public record AllReduceSeat(
        int rank,
        int worldSize,
        long group,
        Transport transport,
        Backend backend,
        ReduceDType reduceDType,
        List<Integer> bytes,
        List<Integer> ports,
        Path aeronDir) {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** @throws TuttiException (user) if {@code text} is not what {@link #text} writes */
    public static AllReduceSeat of(String text) {
        try {
            return JSON.readValue(text, AllReduceSeat.class);
        } catch (JsonProcessingException e) {
            throw TuttiException.user(
                    "a rank is started by `tutti bench allreduce`, not by hand: %s", e.getOriginalMessage());
        }
    }

    /** One word. */
    String text() {
        try {
            return JSON.writeValueAsString(this);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }
}
