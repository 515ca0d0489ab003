package tutti.worker.allreduce;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A link beside which the ranks share memory; {@link Ranks} asks for it. */
record SharingLink(ChunkLink link, Path folder, int stripeBytes, Topology topology) implements ChunkLink {
    /** Nodes are folders of their own, as their memories are. */
    SharedSegments segments(Group group) {
        Group neighbours = group.onNode(topology);
        if (neighbours.worldSize() == 1) {
            return null;
        }
        try {
            Path node = Files.createDirectories(folder.resolve("node-" + neighbours.firstRank()));
            return new SharedSegments(node, neighbours, stripeBytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public int maxFrameBytes(int peer) {
        return link.maxFrameBytes(peer);
    }

    @Override
    public Offer offer(int peer, int length, FrameWriter writer) {
        return link.offer(peer, length, writer);
    }

    @Override
    public int poll(FrameReader reader, int limit) {
        return link.poll(reader, limit);
    }

    @Override
    public void close() {
        link.close();
    }
}
