package tutti.worker.allreduce;

import java.nio.file.Path;

/** A link beside which the ranks share memory; {@link Ranks} asks for it. */
record SharingLink(ChunkLink link, Path folder, int stripeBytes) implements ChunkLink {
    SharedSegments segments(Group group) {
        return new SharedSegments(folder, group, stripeBytes);
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
