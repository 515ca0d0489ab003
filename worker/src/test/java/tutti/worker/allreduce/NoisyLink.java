package tutti.worker.allreduce;

import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.agrona.MutableDirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;
import tutti.common.protocol.GradientKey;

/**
 * Sends frames nobody asked for, each directly before a real one (so that the receiver has seen all of them when it is done),
 * and counts them by peer.
 */
final class NoisyLink implements ChunkLink {
    enum Noise {
        /** Random bytes of random length. */
        GARBAGE,
        /** A real frame with one bit flipped. */
        FLIPPED,
        /** A real frame cut short. */
        CUT,
        /** Soundly sealed, impossible field. */
        ABSURD,
        OTHER_RUN,
        OTHER_GENERATION,
        /** The frame sent before, once more. */
        AGAIN,
        /** A real frame with another payload, sealed by somebody who has not got the key. A group without one would take it. */
        FORGED,
        /** What was sent before to another peer. A group without a key would take it. */
        MISDIRECTED
    }

    private final ChunkLink link;
    private final SplittableRandom random;
    private final FrameSeal seal;
    private final FrameSeal forger;
    private final List<Noise> noises;
    private final byte[][] previous;
    private final Map<Noise, int[]> sent = new EnumMap<>(Noise.class);

    NoisyLink(ChunkLink link, Group group, long seed) {
        this.link = link;
        seal = FrameSeal.of(group);
        forger = new SignatureSeal(GradientKey.random(), group.rank());
        noises = Stream.of(Noise.values())
                .filter(noise -> group.key().isPresent() || noise != Noise.FORGED && noise != Noise.MISDIRECTED)
                .toList();
        random = new SplittableRandom(seed);
        previous = new byte[group.worldSize()][];
        for (Noise noise : Noise.values()) {
            sent.put(noise, new int[group.worldSize()]);
        }
    }

    /** Frames of that noise that went out to {@code peer}. Read it when the collectives have been closed. */
    int sent(Noise noise, int peer) {
        return sent.get(noise)[peer];
    }

    @Override
    public int maxFrameBytes(int peer) {
        return link.maxFrameBytes(peer);
    }

    @Override
    public Offer offer(int peer, int length, FrameWriter writer) {
        byte[] frame = new byte[length];
        writer.write(new UnsafeBuffer(frame), 0, length);
        Noise noise = noises.get(random.nextInt(noises.size()));
        byte[] disturbed = disturb(noise, peer, frame.clone());
        if (disturbed != null && offer(peer, disturbed) == Offer.SENT) {
            sent.get(noise)[peer]++;
        }
        Offer answer = offer(peer, frame);
        if (answer == Offer.SENT) {
            previous[peer] = frame;
        }
        return answer;
    }

    private Offer offer(int peer, byte[] bytes) {
        return link.offer(peer, bytes.length, (MutableDirectBuffer target, int at, int length) -> {
            target.putBytes(at, bytes);
        });
    }

    private byte[] disturb(Noise noise, int peer, byte[] frame) {
        UnsafeBuffer buffer = new UnsafeBuffer(frame);
        switch (noise) {
            case GARBAGE -> {
                byte[] garbage = new byte[1 + random.nextInt(200)];
                random.nextBytes(garbage);
                return garbage;
            }
            case FLIPPED -> {
                frame[random.nextInt(frame.length)] ^= (byte) (1 << random.nextInt(8));
                return frame;
            }
            case CUT -> {
                return Arrays.copyOf(frame, 1 + random.nextInt(frame.length - 1));
            }
            case ABSURD -> {
                switch (random.nextInt(5)) {
                    case 0 -> buffer.putInt(FrameLayout.SOURCE, random.nextBoolean() ? -1 : previous.length);
                    case 1 -> buffer.putInt(FrameLayout.SOURCE, peer);
                    case 2 -> buffer.putInt(FrameLayout.KIND, 9);
                    case 3 -> buffer.putLong(FrameLayout.OFFSET, random.nextBoolean() ? -8 : Long.MAX_VALUE);
                    default -> buffer.putLong(FrameLayout.OFFSET, Integer.MAX_VALUE);
                }
                return sealed(seal, buffer, peer);
            }
            case OTHER_RUN -> {
                buffer.putLong(FrameLayout.RUN, Ranks.RUN + 1);
                return sealed(seal, buffer, peer);
            }
            case OTHER_GENERATION -> {
                buffer.putInt(FrameLayout.GENERATION, Ranks.GENERATION - 1);
                return sealed(seal, buffer, peer);
            }
            case AGAIN -> {
                return previous[peer];
            }
            case FORGED -> {
                frame[FrameLayout.HEADER + random.nextInt(frame.length - FrameLayout.HEADER - seal.trailer())] ^= 1;
                return sealed(forger, buffer, peer);
            }
            case MISDIRECTED -> {
                return previous[(peer + 1 + random.nextInt(previous.length - 1)) % previous.length];
            }
        }
        throw new AssertionError(noise);
    }

    private static byte[] sealed(FrameSeal seal, UnsafeBuffer frame, int destination) {
        seal.seal(frame, 0, frame.capacity(), destination);
        return frame.byteArray();
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
