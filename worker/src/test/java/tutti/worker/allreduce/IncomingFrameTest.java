package tutti.worker.allreduce;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.agrona.concurrent.UnsafeBuffer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tutti.common.protocol.GradientKey;
import tutti.worker.allreduce.DroppedFrames.Kind;

/** The decoder before bytes that nobody sent. Rank 1 sends to rank 0; a buffer ends where its frame does, so a read behind it throws. */
class IncomingFrameTest {
    private static final int FRAMES = 100_000;
    private static final int RANKS = 3;
    private static final int[] EXTREMES = {
        0, 1, -1, RANKS, FrameLayout.HEADER, Integer.MAX_VALUE, Integer.MIN_VALUE, Integer.MAX_VALUE - 7
    };

    static Stream<Optional<GradientKey>> keys() {
        return Stream.of(Optional.empty(), Optional.of(key(1)));
    }

    /**
     * A signature makes this certain. A checksum does for up to three flipped bits and for a changed int, and a length that does not fit
     * is always seen; any other change passes one time in 2^32, and this seed has no such one.
     */
    @ParameterizedTest
    @MethodSource("keys")
    void shouldRefuseEveryFrameThatIsNotAsItWasSealed(Optional<GradientKey> key) {
        SplittableRandom random = new SplittableRandom(1);
        IncomingFrame incoming = incoming(key);
        OutgoingFrame outgoing = outgoing(key);
        byte[] other = frame(random, outgoing);
        int refused = 0;
        for (int i = 0; i < FRAMES; i++) {
            byte[] sealed = frame(random, outgoing);
            byte[] changed = change(random, sealed.clone(), other);
            Kind kind = wrap(incoming, changed, random);
            if (Arrays.equals(sealed, changed)) {
                assertThat(kind).as("frame %d, not changed", i).isNull();
            } else {
                refused++;
                assertThat(kind)
                        .as("frame %d", i)
                        .isIn(
                                key.isPresent()
                                        ? List.of(Kind.BAD_SIGNATURE)
                                        : List.of(Kind.BAD_CHECKSUM, Kind.MALFORMED));
            }
            other = sealed;
        }
        assertThat(refused).isBetween(FRAMES * 9 / 10, FRAMES - 1);
    }

    /** A peer of ours that has gone mad. */
    @ParameterizedTest
    @MethodSource("keys")
    void shouldTakeASealedFrameOnlyWithFieldsThatCanBe(Optional<GradientKey> key) {
        SplittableRandom random = new SplittableRandom(2);
        IncomingFrame incoming = incoming(key);
        FrameSeal seal = FrameSeal.of(group(1, key));
        OutgoingFrame outgoing = outgoing(key);
        int taken = 0;
        for (int i = 0; i < FRAMES; i++) {
            byte[] bytes = frame(random, outgoing);
            setField(random, bytes);
            setField(random, bytes);
            UnsafeBuffer frame = new UnsafeBuffer(bytes);
            seal.seal(frame, 0, bytes.length, 0);
            if (wrap(incoming, bytes, random) == null) {
                taken++;
                assertThat(incoming.source()).isBetween(1, RANKS - 1);
                assertThat(incoming.offset()).isBetween(0L, (long) Integer.MAX_VALUE);
                assertThat(incoming.payload().remaining())
                        .isEqualTo(bytes.length - FrameLayout.HEADER - seal.trailer());
                assertThat(frame.getLong(FrameLayout.RUN, FrameLayout.ORDER)).isEqualTo(Ranks.RUN);
                assertThat(frame.getInt(FrameLayout.GENERATION, FrameLayout.ORDER))
                        .isEqualTo(Ranks.GENERATION);
            }
        }
        assertThat(taken).isBetween(FRAMES / 20, FRAMES / 2);
    }

    @Test
    void shouldTakeOnlyWhatTheGroupSignedForThisRank() {
        SplittableRandom random = new SplittableRandom(3);
        Optional<GradientKey> key = Optional.of(key(1));
        Optional<GradientKey> none = Optional.empty();
        byte[] signed = frame(random, outgoing(key));
        assertThat(wrap(incoming(key), signed, random)).isNull();
        assertThat(wrap(incoming(none), signed, random)).isEqualTo(Kind.MALFORMED);
        assertThat(wrap(incoming(key), frame(random, outgoing(none)), random)).isEqualTo(Kind.BAD_SIGNATURE);
        assertThat(wrap(incoming(key), frame(random, outgoing(Optional.of(key(2)))), random))
                .isEqualTo(Kind.BAD_SIGNATURE);
        IncomingFrame another = new IncomingFrame(group(2, key), FrameSeal.of(group(2, key)));
        assertThat(wrap(another, signed, random))
                .as("to rank 0, sent once more to rank 2")
                .isEqualTo(Kind.BAD_SIGNATURE);
        new UnsafeBuffer(signed).putInt(FrameLayout.DESTINATION, 2, FrameLayout.ORDER);
        assertThat(wrap(another, signed, random))
                .as("with another address on it")
                .isEqualTo(Kind.BAD_SIGNATURE);
    }

    /** No link changes a frame that it still offers; doing so shows which frames are checked. */
    @ParameterizedTest
    @MethodSource("keys")
    void shouldCheckAFrameThatIsLeftOnceAndWhatComesInItsPlaceAnew(Optional<GradientKey> key) {
        byte[] sealed = frame(new SplittableRandom(4), outgoing(key));
        Kind damaged = key.isPresent() ? Kind.BAD_SIGNATURE : Kind.BAD_CHECKSUM;
        for (ByteBuffer memory :
                List.of(ByteBuffer.allocate(sealed.length), ByteBuffer.allocateDirect(sealed.length))) {
            UnsafeBuffer link = new UnsafeBuffer(memory);
            link.putBytes(0, sealed);
            IncomingFrame incoming = incoming(key);
            assertThat(incoming.wrap(link, 0, sealed.length)).isNull();
            incoming.leave();
            link.putByte(FrameLayout.HEADER, (byte) ~sealed[FrameLayout.HEADER]);
            assertThat(incoming.wrap(new UnsafeBuffer(link, 0, sealed.length - 8), 0, sealed.length - 8))
                    .as("a shorter one")
                    .isIn(damaged, Kind.MALFORMED);
            assertThat(incoming.wrap(link, 0, sealed.length)).as("left once").isNull();
            incoming.leave();
            assertThat(incoming.wrap(link, 0, sealed.length)).as("left twice").isNull();
            assertThat(incoming.wrap(link, 0, sealed.length)).as("taken").isEqualTo(damaged);
            link.putBytes(0, sealed);
            assertThat(incoming.wrap(link, 0, sealed.length)).isNull();
            incoming.leave();
            link.putInt(FrameLayout.SEQUENCE, -1, FrameLayout.ORDER);
            assertThat(incoming.wrap(link, 0, sealed.length))
                    .as("another one in its place")
                    .isEqualTo(damaged);
            byte[] elsewhere = sealed.clone();
            elsewhere[FrameLayout.HEADER]++;
            assertThat(incoming.wrap(new UnsafeBuffer(elsewhere), 0, sealed.length))
                    .as("its like elsewhere")
                    .isEqualTo(damaged);
        }
    }

    private static byte[] change(SplittableRandom random, byte[] frame, byte[] other) {
        switch (random.nextInt(7)) {
            case 0 -> {
                for (int flips = 1 + random.nextInt(3); flips > 0; flips--) {
                    frame[random.nextInt(frame.length)] ^= (byte) (1 << random.nextInt(8));
                }
            }
            case 1 -> {
                return Arrays.copyOf(frame, random.nextInt(frame.length));
            }
            case 2 -> {
                byte[] longer = new byte[frame.length + 1 + random.nextInt(64)];
                random.nextBytes(longer);
                System.arraycopy(frame, 0, longer, 0, frame.length);
                return longer;
            }
            case 3 -> setField(random, frame);
            case 4 -> random.nextBytes(frame);
            case 5 -> System.arraycopy(other, 0, frame, 0, FrameLayout.HEADER);
            default -> {
                int from = random.nextInt(frame.length);
                Arrays.fill(frame, from, from + random.nextInt(frame.length - from + 1), (byte) 0);
            }
        }
        return frame;
    }

    /** Any int of the header, long fields by halves. */
    private static void setField(SplittableRandom random, byte[] frame) {
        int at = random.nextInt(FrameLayout.HEADER / Integer.BYTES) * Integer.BYTES;
        int value = random.nextInt(4) == 0 ? frame.length : EXTREMES[random.nextInt(EXTREMES.length)];
        new UnsafeBuffer(frame).putInt(at, value, FrameLayout.ORDER);
    }

    private static byte[] frame(SplittableRandom random, OutgoingFrame outgoing) {
        byte[] payload = new byte[8 * (1 + random.nextInt(160))];
        random.nextBytes(payload);
        outgoing.destination = 0;
        outgoing.sequence = random.nextInt(1000);
        outgoing.fingerprint = random.nextInt();
        outgoing.kind = 1 + random.nextInt(FrameLayout.GOODBYE);
        outgoing.offset = 8L * random.nextInt(1 << 20);
        outgoing.payload = ByteBuffer.wrap(payload);
        outgoing.payloadLength = payload.length;
        byte[] frame = new byte[outgoing.length()];
        outgoing.write(new UnsafeBuffer(frame), 0, frame.length);
        return frame;
    }

    /** Somewhere in a piece of memory of either kind. */
    private static Kind wrap(IncomingFrame incoming, byte[] bytes, SplittableRandom random) {
        int before = random.nextInt(40);
        int size = before + bytes.length;
        ByteBuffer memory = random.nextBoolean() ? ByteBuffer.allocate(size) : ByteBuffer.allocateDirect(size);
        memory.put(before, bytes);
        return incoming.wrap(new UnsafeBuffer(memory), before, bytes.length);
    }

    private static OutgoingFrame outgoing(Optional<GradientKey> key) {
        return new OutgoingFrame(group(1, key), FrameSeal.of(group(1, key)));
    }

    private static IncomingFrame incoming(Optional<GradientKey> key) {
        return new IncomingFrame(group(0, key), FrameSeal.of(group(0, key)));
    }

    private static Group group(int rank, Optional<GradientKey> key) {
        return new Ranks(key).group(rank, RANKS);
    }

    private static GradientKey key(int seed) {
        byte[] bytes = new byte[32];
        Arrays.fill(bytes, (byte) seed);
        return new GradientKey(bytes);
    }
}
