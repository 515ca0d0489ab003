package tutti.deploy.agent;

import java.io.IOException;
import java.net.StandardSocketOptions;
import java.nio.channels.DatagramChannel;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tutti.common.error.TuttiException;

/**
 * What this machine lets UDP sockets buffer, found by asking for it.
 *
 * @param receive bytes
 * @param send bytes
 */
record SocketBuffers(int receive, int send) {
    private static final Logger LOG = LoggerFactory.getLogger(SocketBuffers.class);
    /** A receive window of half of it keeps a link of 10 Gbit/s busy through a pause of 1.6 ms. */
    static final int WANTED = 4 << 20;

    private static final int LEAST_WINDOW = 128 << 10;

    static SocketBuffers probe() {
        try (DatagramChannel channel = DatagramChannel.open()) {
            channel.setOption(StandardSocketOptions.SO_RCVBUF, WANTED);
            channel.setOption(StandardSocketOptions.SO_SNDBUF, WANTED);
            return new SocketBuffers(
                    Math.min(WANTED, channel.getOption(StandardSocketOptions.SO_RCVBUF)),
                    Math.min(WANTED, channel.getOption(StandardSocketOptions.SO_SNDBUF)));
        } catch (IOException e) {
            throw TuttiException.environment("a UDP socket cannot be had: %s", e);
        }
    }

    /** Bytes that a sender may have on the way: what the socket holds beside the kernel's own notes of each packet; never more than it holds. */
    int window() {
        return Math.min(receive, Math.max(LEAST_WINDOW, receive / 2));
    }

    /** For a run whose gradients go between nodes. */
    void warnIfSmall() {
        if (receive < WANTED || send < WANTED) {
            LOG.warn(
                    "UDP sockets hold {} bytes to receive and {} to send here, wanted {}: gradients between nodes are slower;"
                            + " sysctl -w net.core.rmem_max={} net.core.wmem_max={}",
                    receive,
                    send,
                    WANTED,
                    WANTED,
                    WANTED);
        }
    }
}
