package tutti.worker.agent;

import static tutti.common.error.TuttiException.environment;

import java.io.IOException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import tutti.common.config.LaunchConfig;
import tutti.common.config.WorkerSeat;
import tutti.common.protocol.Peer;
import tutti.worker.allreduce.aeron.AeronChannels;

/**
 * Where the gradients of this rank arrive.
 *
 * @param host address of this machine as the others see it
 * @param port UDP port, or 0 where all ranks are on one node
 */
public record GradientAddress(String host, int port) {
    /** Ethernet's payload; larger only where a probe shows that the network carries it. */
    private static final int MTU = 1408;

    /** The address from which this machine reaches the coordinator; with several nodes also a free UDP port there. */
    public static GradientAddress of(LaunchConfig launch, WorkerSeat seat) {
        try (DatagramSocket probe = new DatagramSocket()) {
            // Connecting a datagram socket sends nothing; it only asks the routing table.
            probe.connect(new InetSocketAddress(InetAddress.getByName(seat.masterAddr()), seat.masterPort()));
            InetAddress local = probe.getLocalAddress();
            if (launch.nnodes() == 1) {
                return new GradientAddress(local.getHostAddress(), 0);
            }
            try (DatagramSocket port = new DatagramSocket(0, local)) {
                return new GradientAddress(local.getHostAddress(), port.getLocalPort());
            }
        } catch (IOException e) {
            throw environment("--master_addr=%s: no way there: %s", seat.masterAddr(), e.getMessage());
        }
    }

    /** {@code host:port}, or empty where all ranks are on one node. */
    public String endpoint() {
        return port == 0 ? "" : host + ":" + port;
    }

    /** Channels on which this rank listens. */
    List<String> listen() {
        List<String> channels = new ArrayList<>(List.of(AeronChannels.LISTEN_IPC));
        if (port != 0) {
            channels.add(AeronChannels.listenUdp(host, port));
        }
        return channels;
    }

    /**
     * Channels to every rank: shared memory inside a node, UDP between nodes.
     *
     * @param ipcTerm bytes of a term between ranks of this node
     */
    static List<String> channels(List<Peer> peers, int nodeRank, int ipcTerm) {
        return peers.stream()
                .map(peer -> {
                    if (peer.nodeRank() == nodeRank) {
                        return AeronChannels.ipc(ipcTerm);
                    }
                    int colon = peer.address().lastIndexOf(':');
                    return AeronChannels.udp(
                            peer.address().substring(0, colon),
                            Integer.parseInt(peer.address().substring(colon + 1)),
                            MTU,
                            AeronChannels.TERM_BYTES);
                })
                .toList();
    }
}
