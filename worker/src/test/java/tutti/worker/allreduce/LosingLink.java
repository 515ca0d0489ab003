package tutti.worker.allreduce;

/** Claims to have sent the n-th frame (from 0) and forgets it. */
final class LosingLink implements ChunkLink {
    private final ChunkLink link;
    private int left;

    LosingLink(ChunkLink link, int nth) {
        this.link = link;
        left = nth;
    }

    @Override
    public int maxFrameBytes(int peer) {
        return link.maxFrameBytes(peer);
    }

    @Override
    public Offer offer(int peer, int length, FrameWriter writer) {
        if (left == 0) {
            left--;
            return Offer.SENT;
        }
        Offer answer = link.offer(peer, length, writer);
        left -= answer == Offer.SENT ? 1 : 0;
        return answer;
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
