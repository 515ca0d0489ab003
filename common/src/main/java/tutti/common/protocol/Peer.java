package tutti.common.protocol;

/**
 * One rank as the others see it.
 *
 * @param address {@code host:port} of its gradient link, or empty where all ranks are on one node
 */
public record Peer(int rank, int nodeRank, String host, String address) {}
