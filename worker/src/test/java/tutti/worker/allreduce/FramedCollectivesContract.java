package tutti.worker.allreduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.IntFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.worker.tensor.DType;

/** What collectives promise over a link that carries sums in frames. */
public abstract class FramedCollectivesContract extends CollectivesContract {

    @Test
    void shouldHoldBackTheFastWhileOneRankIsSlow() throws Exception {
        // Partition of 600,000 bytes, far above the window of 8 chunks: rank 2 sends nothing until rank 0 is stuck
        // before
        // rank 1.
        int elements = 450_000;
        IntFunction<ChunkLink> wire = wire(3, 1);
        AtomicInteger refusals = new AtomicInteger();
        AtomicBoolean released = new AtomicBoolean();
        // A row of refusals this long means the window and the link are full, not that the reader was slow for a
        // moment.
        BooleanSupplier stuck = () -> {
            if (refusals.get() > 300) {
                released.set(true);
            }
            return released.get();
        };
        List<byte[]> results = ranks().run(
                        3,
                        rank -> rank == 0
                                ? new GatedLink(wire.apply(0), () -> true, (peer, answer) -> {
                                    if (peer == 1) {
                                        refusals.set(answer == ChunkLink.Offer.BACK_PRESSURE ? refusals.get() + 1 : 0);
                                    }
                                })
                                : new GatedLink(wire.apply(rank), rank == 2 ? stuck : () -> true, (peer, answer) -> {}),
                        PATIENT,
                        (rank, collectives) -> {
                            ByteBuffer data = NaiveSum.values(1, rank, elements, DType.F32);
                            collectives.allReduceSum("slow", data, DType.F32).await();
                            return NaiveSum.bytes(data);
                        });
        byte[] expected = NaiveSum.expected(1, 3, elements, DType.F32);
        for (byte[] result : results) {
            assertThat(Arrays.mismatch(result, expected)).isEqualTo(-1);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void shouldCountAndDropForeignFramesAndStillGetTheSameBits(long seed) throws Exception {
        int ranks = 3;
        int elements = 60_000;
        IntFunction<ChunkLink> wire = wire(ranks, seed);
        NoisyLink[] links = new NoisyLink[ranks];
        List<Map<DroppedFrames.Kind, Long>> dropped = new ArrayList<>(Collections.nCopies(ranks, null));
        List<byte[]> results = ranks().run(
                        ranks,
                        rank -> {
                            links[rank] = new NoisyLink(wire.apply(rank), ranks().group(rank, ranks), seed * 10 + rank);
                            return links[rank];
                        },
                        PATIENT,
                        (rank, collectives) -> {
                            ByteBuffer data = NaiveSum.values(seed, rank, elements, DType.F32);
                            collectives.allReduceSum("noisy", data, DType.F32).await();
                            for (int i = 0; i < 20; i++) {
                                collectives.barrier("noisy-" + i);
                            }
                            dropped.set(rank, collectives.counts().dropped());
                            return NaiveSum.bytes(data);
                        });
        byte[] expected = NaiveSum.expected(seed, ranks, elements, DType.F32);
        for (int rank = 0; rank < ranks; rank++) {
            assertThat(results.get(rank)).isEqualTo(expected);
            Map<DroppedFrames.Kind, Long> counts = dropped.get(rank);
            assertThat(counts.get(DroppedFrames.Kind.WRONG_RUN))
                    .isEqualTo(sent(links, rank, NoisyLink.Noise.OTHER_RUN))
                    .isPositive();
            assertThat(counts.get(DroppedFrames.Kind.WRONG_GENERATION))
                    .isEqualTo(sent(links, rank, NoisyLink.Noise.OTHER_GENERATION))
                    .isPositive();
            assertThat(counts.get(DroppedFrames.Kind.DUPLICATE) + counts.get(DroppedFrames.Kind.PAST_COLLECTIVE))
                    .isEqualTo(sent(links, rank, NoisyLink.Noise.AGAIN))
                    .isPositive();
            DroppedFrames.Kind broken =
                    key().isPresent() ? DroppedFrames.Kind.BAD_SIGNATURE : DroppedFrames.Kind.BAD_CHECKSUM;
            assertThat(counts.get(broken)).isPositive();
            assertThat(counts.get(DroppedFrames.Kind.MALFORMED) + counts.get(broken))
                    .isEqualTo(sent(links, rank, NoisyLink.Noise.GARBAGE)
                            + sent(links, rank, NoisyLink.Noise.FLIPPED)
                            + sent(links, rank, NoisyLink.Noise.CUT)
                            + sent(links, rank, NoisyLink.Noise.ABSURD)
                            + sent(links, rank, NoisyLink.Noise.FORGED)
                            + sent(links, rank, NoisyLink.Noise.MISDIRECTED));
        }
    }

    @Test
    void shouldTellRanksThatSendTheSameSumInOtherTypes() throws Exception {
        List<TuttiException> failures = ranks().run(2, wire(2, 1), PATIENT, (rank, collectives) -> {
            collectives.barrier("same");
            ByteBuffer data = ByteBuffer.allocateDirect(80_000);
            Pending pending = collectives.allReduceSum("bucket", data, DType.F32, rank == 0 ? DType.F32 : DType.BF16);
            return catchThrowableOfType(TuttiException.class, pending::await);
        });
        assertThat(failures)
                .allSatisfy(
                        failure -> assertThat(failure).hasMessageContaining("runs another collective as its number 1"));
        assertThat(failures)
                .anySatisfy(failure -> assertThat(failure.category()).isEqualTo(Category.BUG));
        assertThat(failures.get(1)).hasMessageContaining("'bucket' (F32 as BF16, 80000 bytes");
    }

    private static long sent(NoisyLink[] links, int to, NoisyLink.Noise noise) {
        long sum = 0;
        for (int from = 0; from < links.length; from++) {
            sum += from == to ? 0 : links[from].sent(noise, to);
        }
        return sum;
    }

    @ParameterizedTest
    // The two phases interleave as threads run, so the frame in the middle may or may not be the last of its phase:
    // then the loss
    // is seen at the deadline, not at the next frame.
    @CsvSource({"0, were lost before offset", "5, lossy", "7, waits for rank 0 (host-0): received"})
    void shouldFailByNameRatherThanSumWhenAFrameIsLost(int nth, String text) throws Exception {
        IntFunction<ChunkLink> wire = wire(2, 1);
        CountDownLatch failed = new CountDownLatch(1);
        List<String> messages = ranks().run(
                        new int[] {0, 1},
                        2,
                        rank -> rank == 0 ? new LosingLink(wire.apply(0), nth) : wire.apply(1),
                        // Rank 0 waits too, for what rank 1 cannot add without the lost frame: it must not be the first
                        // to give
                        // up.
                        rank -> rank == 0 ? PATIENT : SHORT,
                        (rank, collectives) -> {
                            // 4 + 4 full frames of each rank, whatever the link's frame size.
                            Pending pending = collectives.allReduceSum(
                                    "lossy", ByteBuffer.allocateDirect(8 * frameBytes()), DType.F64);
                            if (rank == 0) {
                                failed.await();
                                return "";
                            }
                            TuttiException failure = catchThrowableOfType(TuttiException.class, pending::await);
                            failed.countDown();
                            assertThat(failure.category()).isEqualTo(Category.PEER);
                            return failure.getMessage();
                        });
        assertThat(messages.get(1))
                .contains("'lossy'")
                .contains("rank 0 (host-0)")
                .contains(text);
    }

    /** Payload bytes of a full frame on this link, for chunks of 16 KiB. */
    protected abstract int frameBytes();
}
