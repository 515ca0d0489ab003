package tutti.deploy.agent;

import static tutti.common.error.TuttiException.environment;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.ServerSocket;
import java.net.UnknownHostException;

/** Asks the machine about TCP ports before a child needs them. */
final class Ports {
    private Ports() {}

    /** @throws tutti.common.error.TuttiException (environment) if {@code port} is taken; 0 is always fine */
    static void requireFree(String hostFlag, String host, String portFlag, int port) {
        if (port == 0) {
            return;
        }
        try (ServerSocket socket = new ServerSocket()) {
            socket.bind(new InetSocketAddress(local(hostFlag, host), port));
        } catch (IOException e) {
            throw environment(
                    "--%s=%d: %s on %s; give another port, or end its owner: ss -ltnp 'sport = :%d'",
                    portFlag, port, e.getMessage(), host, port);
        }
    }

    /** A port that was free a moment ago. */
    static int anyFree(String hostFlag, String host) {
        try (ServerSocket socket = new ServerSocket()) {
            socket.bind(new InetSocketAddress(local(hostFlag, host), 0));
            return socket.getLocalPort();
        } catch (IOException e) {
            throw environment("no free port on %s: %s", host, e.getMessage());
        }
    }

    /** The address to try; every address of this machine when {@code host} is a load balancer's or a service's. */
    private static InetAddress local(String hostFlag, String host) throws IOException {
        try {
            InetAddress address = InetAddress.getByName(host);
            boolean here = address.isAnyLocalAddress() || NetworkInterface.getByInetAddress(address) != null;
            return here ? address : InetAddress.getByAddress(new byte[4]);
        } catch (UnknownHostException e) {
            throw environment(
                    "--%s=%s: no such host; give an address of this machine, as `hostname -I` shows it",
                    hostFlag, host);
        }
    }
}
