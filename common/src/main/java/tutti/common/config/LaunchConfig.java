package tutti.common.config;

import static tutti.common.error.TuttiException.require;
import static tutti.common.error.TuttiException.user;

/**
 * Which processes run where.
 *
 * @param nprocPerNode workers of one node
 * @param masterPort port of the coordinator; 0 lets the launcher pick a free one
 * @param rdzvTimeoutSeconds how long the coordinator waits for all workers
 */
public record LaunchConfig(
        int nprocPerNode, int nnodes, int nodeRank, String masterAddr, int masterPort, int rdzvTimeoutSeconds) {
    /** Workers of one run. */
    static final int MAX_WORKERS = 4096;

    private static final int TORCHRUN_PORT = 29500;

    public LaunchConfig {
        require(nprocPerNode >= 1, "--nproc_per_node=%d: at least 1", nprocPerNode);
        require(nnodes >= 1, "--nnodes=%d: at least 1", nnodes);
        require(
                (long) nprocPerNode * nnodes <= MAX_WORKERS,
                "--nproc_per_node=%d times --nnodes=%d: at most %d workers",
                nprocPerNode,
                nnodes,
                MAX_WORKERS);
        require(
                nodeRank >= 0 && nodeRank < nnodes,
                "--node_rank=%d: 0 to %d with --nnodes=%d",
                nodeRank,
                nnodes - 1,
                nnodes);
        require(masterPort >= 0 && masterPort <= 65535, "--master_port=%d: 0 to 65535", masterPort);
        require(rdzvTimeoutSeconds >= 1, "--rdzv_timeout=%d: at least 1 second", rdzvTimeoutSeconds);
    }

    public int worldSize() {
        return nprocPerNode * nnodes;
    }

    /** With another number of workers on each node. */
    public LaunchConfig with(int workers) {
        return new LaunchConfig(workers, nnodes, nodeRank, masterAddr, masterPort, rdzvTimeoutSeconds);
    }

    static LaunchConfig read(Settings settings) {
        int nnodes = nodes(settings.text(Keys.NNODES));
        boolean standalone = settings.flag(Keys.STANDALONE);
        require(!standalone || nnodes == 1, "--standalone: means one node, but --nnodes=%d", nnodes);
        String host = settings.text(Keys.MASTER_ADDR);
        int port = settings.int32(Keys.MASTER_PORT);
        String endpoint = settings.text(Keys.RDZV_ENDPOINT);
        if (!endpoint.isEmpty()) {
            int colon = endpoint.lastIndexOf(':');
            require(colon > 0, "--rdzv_endpoint=%s: HOST:PORT is needed", endpoint);
            host = endpoint.substring(0, colon);
            port = parse("rdzv_endpoint", endpoint.substring(colon + 1));
        }
        if (port == 0 && nnodes > 1) {
            port = TORCHRUN_PORT;
        }
        return new LaunchConfig(
                workers(settings.text(Keys.NPROC_PER_NODE)),
                nnodes,
                settings.int32(Keys.NODE_RANK),
                host,
                port,
                settings.int32(Keys.RDZV_TIMEOUT));
    }

    private static int workers(String text) {
        return switch (text) {
            case "auto", "cpu" -> Runtime.getRuntime().availableProcessors();
            default -> parse("nproc_per_node", text);
        };
    }

    private static int nodes(String text) {
        require(
                !text.contains(":"),
                "--nnodes=%s: a changing number of nodes is not supported yet; give one number",
                text);
        return parse("nnodes", text);
    }

    private static int parse(String name, String text) {
        try {
            return Integer.parseInt(text);
        } catch (NumberFormatException e) {
            throw user("--%s: '%s' is not a whole number", name, text);
        }
    }
}
