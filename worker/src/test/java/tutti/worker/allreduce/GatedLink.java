package tutti.worker.allreduce;

import java.util.function.BiConsumer;
import java.util.function.BooleanSupplier;

/** Sends nothing while the gate is shut, and calls back after every offer (peer, answer). */
final class GatedLink implements ChunkLink {
    private final ChunkLink link;
    private final BooleanSupplier open;
    private final BiConsumer<Integer, Offer> onAnswer;

    GatedLink(ChunkLink link, BooleanSupplier open, BiConsumer<Integer, Offer> onAnswer) {
        this.link = link;
        this.open = open;
        this.onAnswer = onAnswer;
    }

    @Override
    public int maxFrameBytes(int peer) {
        return link.maxFrameBytes(peer);
    }

    @Override
    public Offer offer(int peer, int length, FrameWriter writer) {
        if (!open.getAsBoolean()) {
            return Offer.BACK_PRESSURE;
        }
        Offer answer = link.offer(peer, length, writer);
        onAnswer.accept(peer, answer);
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
