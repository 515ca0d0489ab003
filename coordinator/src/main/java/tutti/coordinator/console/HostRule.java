package tutti.coordinator.console;

import io.netty.util.NetUtil;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.HashSet;
import java.util.Locale;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which Host headers are ours. A page of a stranger can point its own name at this machine (DNS rebinding) and then read
 * what we answer; it cannot change the name that the browser sends along. The port is not looked at, so that a tunnel from
 * another local port works.
 */
final class HostRule {
    private static final Logger log = LoggerFactory.getLogger(HostRule.class);

    private final Set<String> names = new HashSet<>(Set.of("localhost", "127.0.0.1", "::1"));
    private final boolean anyAddress;

    /** @param loopback whether {@code boundHost} can be reached from this machine only */
    HostRule(String boundHost, boolean loopback) {
        names.add(boundHost.toLowerCase(Locale.ROOT));
        // An address, unlike a name, cannot be rebound; probes and scrapers in a cluster use addresses.
        anyAddress = !loopback;
        if (!loopback) {
            try {
                names.add(InetAddress.getLocalHost().getHostName().toLowerCase(Locale.ROOT));
            } catch (UnknownHostException e) {
                log.debug("console: this machine does not know its own name, so only addresses open the console", e);
            }
        }
    }

    /** @param hostHeader the value of the Host header, null if there is none */
    boolean accepts(String hostHeader) {
        if (hostHeader == null) {
            return false;
        }
        String host = withoutPort(hostHeader.trim().toLowerCase(Locale.ROOT));
        return names.contains(host) || (anyAddress && NetUtil.createByteArrayFromIpAddressString(host) != null);
    }

    private static String withoutPort(String authority) {
        if (authority.startsWith("[")) {
            int end = authority.indexOf(']');
            return end < 0 ? "" : authority.substring(1, end);
        }
        int colon = authority.indexOf(':');
        return colon < 0 ? authority : authority.substring(0, colon);
    }
}
