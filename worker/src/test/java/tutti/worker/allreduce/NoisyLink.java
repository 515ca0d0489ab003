package tutti.worker.allreduce;

import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.zip.CRC32C;
import org.agrona.MutableDirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

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
        /** Sound checksum, impossible field. */
        ABSURD,
        OTHER_RUN,
        OTHER_GENERATION,
        /** The frame sent before, once more. */
        AGAIN
    }

    private final ChunkLink link;
    private final SplittableRandom random;
    private final CRC32C crc = new CRC32C();
    private final byte[][] previous;
    private final Map<Noise, int[]> sent = new EnumMap<>(Noise.class);

    NoisyLink(ChunkLink link, int ranks, long seed) {
        this.link = link;
        random = new SplittableRandom(seed);
        previous = new byte[ranks][];
        for (Noise noise : Noise.values()) {
            sent.put(noise, new int[ranks]);
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
        Noise noise = Noise.values()[random.nextInt(Noise.values().length)];
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
                return resealed(buffer);
            }
            case OTHER_RUN -> {
                buffer.putLong(FrameLayout.RUN, Ranks.RUN + 1);
                return resealed(buffer);
            }
            case OTHER_GENERATION -> {
                buffer.putInt(FrameLayout.GENERATION, Ranks.GENERATION - 1);
                return resealed(buffer);
            }
            case AGAIN -> {
                return previous[peer];
            }
        }
        throw new AssertionError(noise);
    }

    private byte[] resealed(UnsafeBuffer frame) {
        frame.putInt(FrameLayout.CHECKSUM, FrameLayout.checksum(crc, frame, 0, frame.capacity()));
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
