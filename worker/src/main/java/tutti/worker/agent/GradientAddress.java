package tutti.worker.agent;

import static tutti.common.error.TuttiException.environment;
import static tutti.common.error.TuttiException.require;

import java.io.IOException;
import java.net.DatagramSocket;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tutti.common.config.LaunchConfig;
import tutti.common.config.WorkerSeat;
import tutti.common.error.Category;
import tutti.common.protocol.Peer;
import tutti.worker.allreduce.aeron.AeronChannels;

/**
 * Where the gradients of a rank arrive.
 *
 * @param host address of its machine as the others see it
 * @param port UDP port, or 0 where all ranks are on one node
 * @param mtu UDP payload bytes that the interface of that address carries in one packet; two ranks use the smaller one of theirs
 */
public record GradientAddress(String host, int port, int mtu) {
    private static final Pattern TEXT = Pattern.compile("([\\w.:%\\[\\]-]+):(\\d{1,5})/(\\d{1,5})");
    private static final int IP_AND_UDP_HEADERS = 28;
    private static final int IP6_AND_UDP_HEADERS = 48;
    /** What any network carries, for an interface that does not tell. */
    private static final int ETHERNET_MTU = 1500;

    /** The address from which this machine reaches the coordinator; with several nodes also a free UDP port there. */
    public static GradientAddress of(LaunchConfig launch, WorkerSeat seat) {
        try (DatagramSocket probe = new DatagramSocket()) {
            // Connecting a datagram socket sends nothing; it only asks the routing table.
            probe.connect(new InetSocketAddress(InetAddress.getByName(seat.masterAddr()), seat.masterPort()));
            InetAddress local = probe.getLocalAddress();
            if (launch.nnodes() == 1) {
                return new GradientAddress(local.getHostAddress(), 0, 0);
            }
            try (DatagramSocket port = new DatagramSocket(0, local)) {
                return at(local, port.getLocalPort());
            }
        } catch (IOException e) {
            throw environment("--master_addr=%s: no way there: %s", seat.masterAddr(), e.getMessage());
        }
    }

    /** A UDP port of this machine, with the packets that the interface of {@code local} carries. */
    public static GradientAddress at(InetAddress local, int port) throws SocketException {
        NetworkInterface card = NetworkInterface.getByInetAddress(local);
        int packet = card == null || card.getMTU() <= 0 ? ETHERNET_MTU : card.getMTU();
        int headers = local instanceof Inet6Address ? IP6_AND_UDP_HEADERS : IP_AND_UDP_HEADERS;
        return new GradientAddress(local.getHostAddress(), port, AeronChannels.mtu(packet - headers));
    }

    /**
     * What {@link #text} wrote.
     *
     * @throws tutti.common.error.TuttiException (peer) if it is something else
     */
    static GradientAddress parse(String text) {
        Matcher parts = TEXT.matcher(text);
        require(
                parts.matches(),
                Category.PEER,
                "a worker of another node is reached at '%s', needed host:port/mtu; do all nodes have the same --nnodes and Tutti?",
                text);
        return new GradientAddress(
                parts.group(1), Integer.parseInt(parts.group(2)), AeronChannels.mtu(Integer.parseInt(parts.group(3))));
    }

    /** {@code host:port/mtu}, or empty where all ranks are on one node. */
    public String text() {
        return port == 0 ? "" : host + ":" + port + "/" + mtu;
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
    List<String> channels(List<Peer> peers, int nodeRank, int ipcTerm) {
        return peers.stream()
                .map(peer -> {
                    if (peer.nodeRank() == nodeRank) {
                        return AeronChannels.ipc(ipcTerm);
                    }
                    GradientAddress there = parse(peer.address());
                    return AeronChannels.udp(
                            there.host(), there.port(), Math.min(mtu, there.mtu()), udpTermBytes(peers, peer));
                })
                .toList();
    }

    private static int udpTermBytes(List<Peer> peers, Peer receiver) {
        long senders = peers.stream()
                .filter(peer -> peer.nodeRank() != receiver.nodeRank())
                .count();
        return AeronChannels.udpTermBytes(Math.toIntExact(senders));
    }
}
