package tutti.common.protocol;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.util.List;
import java.util.Map;

/** Akka's settings for one process of the group. */
public final class ClusterConfig {
    /** Name of the actor system: part of every address. */
    public static final String SYSTEM = "tutti";

    public static final String COORDINATOR_ROLE = "coordinator";
    public static final String WORKER_ROLE = "worker";

    /** Name of the membership actor under the coordinator's guardian. */
    public static final String MEMBERSHIP = "membership";

    private ClusterConfig() {}

    /** The coordinator: the seed node, at a port that is known before. */
    public static Config coordinator(String host, int port) {
        return of(host, port, COORDINATOR_ROLE, host, port);
    }

    /** A worker: any port, joins the coordinator. */
    public static Config worker(String host, String masterAddr, int masterPort) {
        // It ends after the coordinator's last message, and so does everybody: nobody is left who would acknowledge its
        // own.
        return ConfigFactory.parseMap(Map.of("akka.remote.artery.advanced.shutdown-flush-timeout", "200ms"))
                .withFallback(of(host, 0, WORKER_ROLE, masterAddr, masterPort));
    }

    /** Where a worker finds the coordinator's membership actor. */
    public static String membershipPath(String masterAddr, int masterPort) {
        return "akka://%s@%s:%d/user/%s".formatted(SYSTEM, masterAddr, masterPort, MEMBERSHIP);
    }

    private static Config of(String host, int port, String role, String seedHost, int seedPort) {
        return ConfigFactory.parseMap(Map.of(
                        "akka.remote.artery.canonical.hostname",
                        host,
                        "akka.remote.artery.canonical.port",
                        port,
                        "akka.cluster.roles",
                        List.of(role),
                        "akka.cluster.seed-nodes",
                        List.of("akka://%s@%s:%d".formatted(SYSTEM, seedHost, seedPort))))
                .withFallback(ConfigFactory.parseResourcesAnySyntax(ClusterConfig.class.getClassLoader(), "tutti/akka"))
                .withFallback(ConfigFactory.load());
    }
}
