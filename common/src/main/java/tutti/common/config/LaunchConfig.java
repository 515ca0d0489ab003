package tutti.common.config;

import static tutti.common.error.TuttiException.require;
import static tutti.common.error.TuttiException.user;

import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Which processes run where.
 *
 * @param workers of each node, of as many nodes as there may be
 * @param minNodes without which no step is trained; fewer than there may be: the run goes on with those that are here
 * @param masterPort port of the coordinator; 0 lets the launcher pick a free one
 * @param rdzvTimeoutSeconds how long the coordinator waits for as many nodes as it needs
 * @param lastCallSeconds how much longer it waits for more nodes than it needs
 * @param preemptionGraceSeconds how long an agent that is told to make room waits for the run's end
 * @param maxRestarts lost workers that a run survives
 */
public record LaunchConfig(
        List<Integer> workers,
        int minNodes,
        int nodeRank,
        String masterAddr,
        int masterPort,
        int rdzvTimeoutSeconds,
        int lastCallSeconds,
        int preemptionGraceSeconds,
        int maxRestarts) {
    /** Workers of one run. */
    static final int MAX_WORKERS = 4096;

    private static final int TORCHRUN_PORT = 29500;

    public LaunchConfig {
        workers = List.copyOf(workers);
        require(
                sum(workers) <= MAX_WORKERS,
                "--nproc_per_node with --nnodes=%d: %d workers; at most %d",
                workers.size(),
                sum(workers),
                MAX_WORKERS);
        workers.forEach(count -> require(count >= 1, "--nproc_per_node=%d: at least 1", count));
        require(
                nodeRank >= 0 && nodeRank < workers.size(),
                "--node_rank=%d: 0 to %d with --nnodes=%d",
                nodeRank,
                workers.size() - 1,
                workers.size());
        require(masterPort >= 0 && masterPort <= 65535, "--master_port=%d: 0 to 65535", masterPort);
        require(
                minNodes >= 1 && minNodes <= workers.size(),
                "--nnodes=%d:%d: MIN is 1 at least, and at most MAX",
                minNodes,
                workers.size());
        require(rdzvTimeoutSeconds >= 1, "--rdzv_timeout=%d: at least 1 second", rdzvTimeoutSeconds);
        require(lastCallSeconds >= 1, "--rdzv_last_call=%d: at least 1 second", lastCallSeconds);
        require(
                preemptionGraceSeconds >= 1,
                "--preemption_grace_seconds=%d: at least 1 second",
                preemptionGraceSeconds);
        require(maxRestarts >= 0, "--max_restarts=%d: at least 0", maxRestarts);
    }

    /** As many nodes as there may be. */
    public int nnodes() {
        return workers.size();
    }

    /** May nodes come and go while the run goes on? */
    public boolean elastic() {
        return minNodes < nnodes();
    }

    /** Workers of this node. */
    public int nprocPerNode() {
        return workers.get(nodeRank);
    }

    /** Workers when all nodes are here. */
    public int worldSize() {
        return (int) sum(workers);
    }

    /** Workers that are here at least when a step is trained. */
    public int fewestWorkers() {
        return (int) sum(workers.stream().sorted().limit(minNodes).toList());
    }

    /** The lowest rank on this node. */
    public int firstRank() {
        return (int) sum(workers.subList(0, nodeRank));
    }

    /** The node of every rank. */
    public List<Integer> nodes() {
        return IntStream.range(0, nnodes())
                .boxed()
                .flatMap(node -> Collections.nCopies(workers.get(node), node).stream())
                .toList();
    }

    private static long sum(List<Integer> counts) {
        return counts.stream().mapToLong(Integer::longValue).sum();
    }

    /** With another number of workers, the same on each node. */
    public LaunchConfig with(int each) {
        return new LaunchConfig(
                Collections.nCopies(nnodes(), each),
                minNodes,
                nodeRank,
                masterAddr,
                masterPort,
                rdzvTimeoutSeconds,
                lastCallSeconds,
                preemptionGraceSeconds,
                maxRestarts);
    }

    static LaunchConfig read(Settings settings) {
        List<Integer> range = nodes(settings.text(Keys.NNODES));
        int nnodes = range.get(1);
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
                workers(settings.list(Keys.NPROC_PER_NODE), nnodes),
                range.get(0),
                settings.int32(Keys.NODE_RANK),
                host,
                port,
                settings.int32(Keys.RDZV_TIMEOUT),
                settings.int32(Keys.RDZV_LAST_CALL),
                settings.int32(Keys.PREEMPTION_GRACE_SECONDS),
                settings.int32(Keys.MAX_RESTARTS));
    }

    /** One number for all nodes, or one for each. */
    private static List<Integer> workers(List<String> words, int nnodes) {
        require(1 <= nnodes && nnodes <= MAX_WORKERS, "--nnodes=%d: 1 to %d", nnodes, MAX_WORKERS);
        List<Integer> counts = words.stream().map(LaunchConfig::workers).toList();
        require(
                counts.size() == 1 || counts.size() == nnodes,
                "--nproc_per_node=%s: one number, or one for each node of --nnodes=%d",
                String.join(",", words),
                nnodes);
        return counts.size() == nnodes ? counts : Collections.nCopies(nnodes, counts.get(0));
    }

    private static int workers(String text) {
        return switch (text) {
            case "auto", "cpu" -> Runtime.getRuntime().availableProcessors();
            default -> parse("nproc_per_node", text);
        };
    }

    /** {@code N} or {@code MIN:MAX}: MIN and MAX. */
    private static List<Integer> nodes(String text) {
        require(
                text.matches("-?\\d{1,9}(:-?\\d{1,9})?"),
                "--nnodes=%s: a whole number is needed, or two as in MIN:MAX",
                text);
        List<Integer> range = Stream.of(text.split(":")).map(Integer::valueOf).toList();
        return List.of(range.get(0), range.get(range.size() - 1));
    }

    private static int parse(String name, String text) {
        try {
            return Integer.parseInt(text);
        } catch (NumberFormatException e) {
            throw user("--%s: '%s' is not a whole number", name, text);
        }
    }
}
