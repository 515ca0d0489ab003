package tutti.worker.allreduce.aeron;

import static tutti.common.error.TuttiException.require;

import io.aeron.Aeron;
import io.aeron.AeronCounters;
import io.aeron.CncFileDescriptor;
import io.aeron.ExclusivePublication;
import io.aeron.Publication;
import io.aeron.Subscription;
import io.aeron.exceptions.DriverTimeoutException;
import io.aeron.logbuffer.BufferClaim;
import io.aeron.logbuffer.ControlledFragmentHandler;
import io.aeron.logbuffer.ControlledFragmentHandler.Action;
import io.aeron.logbuffer.Header;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.agrona.CloseHelper;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.BackoffIdleStrategy;
import org.agrona.concurrent.status.CountersReader;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.worker.allreduce.ChunkLink;

/**
 * One rank's end of the wire: a subscription per listening channel, an exclusive publication per peer, and an Aeron client of
 * its own whose conductor runs on a thread named {@code tutti-aeron-RANK}. Frames are written straight into the log (one
 * copy) and read straight from it.
 *
 * <p>Back pressure: a frame that is not taken stays in that peer's image (ABORT), its position stands still, and Aeron's flow
 * control stops that publisher after half a term (IPC) or a receiver window (UDP).
 *
 * <p>The stream id holds the rank and the generation: a subscription that a dead worker of an earlier generation left behind
 * would otherwise hold back the new one's publishers until the driver notices.
 */
public final class AeronLink implements ChunkLink {
    private static final Logger LOG = LoggerFactory.getLogger(AeronLink.class);

    /** How long the client waits for an answer or a sign of life of the driver; it may be starved by training. */
    private static final long DRIVER_TIMEOUT_MS = 30_000;

    /** Of the client's own thread, which keeps the client alive and hears of peers: it wakes seldom beside one that trains. */
    private static final long LONGEST_NAP_NANOS = 128_000_000;

    private static final int RANK_BITS = 12;

    private final Path aeronDir;
    private final Aeron aeron;
    private final Subscription[] subscriptions;
    private final ExclusivePublication[] publications;
    /** By rank, the driver's counter of requests to send again; {@link CountersReader#NULL_COUNTER_ID} inside a node. */
    private final int[] requestCounters;

    private long retransmits;
    private final BufferClaim claim = new BufferClaim();
    private final ControlledFragmentHandler handler = this::onFragment;
    private FrameReader reader;
    private int taken;
    private int firstSubscription;
    private volatile Throwable lastError;

    /**
     * Connects to the driver and adds all streams; peers need not be there yet.
     *
     * @param aeronDir {@code aeron.dir} of the running media driver
     * @param listen channels this rank is reached on, each once; see {@link AeronChannels}
     * @param peers by rank, the channel that reaches it; the entry of this rank is not used
     * @throws TuttiException ENVIRONMENT when there is no driver, or it refuses a channel (port in use, unknown host, /dev/shm
     *     full)
     */
    public AeronLink(Path aeronDir, int generation, int rank, List<String> listen, List<String> peers) {
        require(0 <= rank && rank < peers.size(), "aeron: need 0 <= rank=%d < peers=%d", rank, peers.size());
        require(peers.size() <= 1 << RANK_BITS, "aeron: %d ranks are above %d", peers.size(), 1 << RANK_BITS);
        // Aeron alone would wait for its whole timeout before it says so.
        require(
                Files.exists(aeronDir.resolve(CncFileDescriptor.CNC_FILE)),
                Category.ENVIRONMENT,
                "aeron: no media driver runs in %s (no %s); the node's agent starts it before its workers",
                aeronDir,
                CncFileDescriptor.CNC_FILE);
        this.aeronDir = aeronDir;
        subscriptions = new Subscription[listen.size()];
        publications = new ExclusivePublication[peers.size()];
        requestCounters = new int[peers.size()];
        Arrays.fill(requestCounters, CountersReader.NULL_COUNTER_ID);
        String doing = "connect";
        Aeron client = null;
        try {
            client = Aeron.connect(context(rank));
            for (int i = 0; i < subscriptions.length; i++) {
                doing = "listen on " + listen.get(i);
                subscriptions[i] = client.addSubscription(listen.get(i), streamId(generation, rank));
            }
            for (int peer = 0; peer < publications.length; peer++) {
                if (peer != rank) {
                    doing = "publish to rank " + peer + " on " + peers.get(peer);
                    publications[peer] = client.addExclusivePublication(peers.get(peer), streamId(generation, peer));
                    requestCounters[peer] = client.countersReader()
                            .findByTypeIdAndRegistrationId(
                                    AeronCounters.DRIVER_SENDER_NAKS_RECEIVED_TYPE_ID,
                                    publications[peer].registrationId());
                }
            }
        } catch (RuntimeException e) {
            CloseHelper.quietClose(client);
            throw new TuttiException(
                    // One that stands still may go on, as its agent may: that is worth another try.
                    e instanceof DriverTimeoutException ? Category.PEER : Category.ENVIRONMENT,
                    "aeron: rank %d could not %s with the media driver in %s: %s"
                            .formatted(rank, doing, aeronDir, e.getMessage()),
                    e);
        }
        aeron = client;
    }

    private Aeron.Context context(int rank) {
        return new Aeron.Context()
                .aeronDirectoryName(aeronDir.toString())
                .driverTimeoutMs(DRIVER_TIMEOUT_MS)
                .idleStrategy(new BackoffIdleStrategy(0, 0, 1_000_000, LONGEST_NAP_NANOS))
                .errorHandler(this::onError)
                .threadFactory(task -> {
                    Thread thread = new Thread(task, "tutti-aeron-" + rank);
                    thread.setDaemon(true);
                    return thread;
                });
    }

    private void onError(Throwable error) {
        lastError = error;
        LOG.warn("aeron client: {}", error.toString(), error);
    }

    /** Positive, and apart for any two ranks and any two generations less than half a million apart. */
    static int streamId(int generation, int rank) {
        return (generation << RANK_BITS | rank) & Integer.MAX_VALUE;
    }

    @Override
    public int maxFrameBytes(int peer) {
        return publications[peer].maxPayloadLength();
    }

    @Override
    public Offer offer(int peer, int length, FrameWriter writer) {
        long position = publications[peer].tryClaim(length, claim);
        if (position > 0) {
            boolean written = false;
            try {
                writer.write(claim.buffer(), claim.offset(), length);
                written = true;
            } finally {
                if (written) {
                    claim.commit();
                } else {
                    claim.abort();
                }
            }
            return Offer.SENT;
        }
        if (position == Publication.NOT_CONNECTED) {
            return Offer.NOT_CONNECTED;
        }
        boolean fatal = position == Publication.CLOSED || position == Publication.MAX_POSITION_EXCEEDED;
        return fatal ? Offer.CLOSED : Offer.BACK_PRESSURE;
    }

    @Override
    public int poll(FrameReader frameReader, int limit) {
        if (aeron.isClosed()) {
            throw new TuttiException(
                    // A pause that is over: worth another try.
                    Category.PEER,
                    "aeron: the media driver in %s is gone, or it or this process was paused for too long: %s"
                            .formatted(aeronDir, lastError),
                    lastError);
        }
        reader = frameReader;
        taken = 0;
        firstSubscription++;
        for (int i = 0; i < subscriptions.length && taken < limit; i++) {
            subscriptions[Math.floorMod(firstSubscription + i, subscriptions.length)].controlledPoll(
                    handler, limit - taken);
        }
        return taken;
    }

    private Action onFragment(DirectBuffer buffer, int offset, int length, Header header) {
        if (!reader.onFrame(buffer, offset, length)) {
            return Action.ABORT;
        }
        taken++;
        return Action.CONTINUE;
    }

    @Override
    public long retransmits() {
        // A closed client has unmapped the counters.
        if (!aeron.isClosed()) {
            long sum = 0;
            for (int counter : requestCounters) {
                sum += counter == CountersReader.NULL_COUNTER_ID
                        ? 0
                        : aeron.countersReader().getCounterValue(counter);
            }
            retransmits = sum;
        }
        return retransmits;
    }

    /** Frames already sent are still delivered: the driver keeps a closed publication until its readers are through. */
    @Override
    public void close() {
        aeron.close();
    }
}
