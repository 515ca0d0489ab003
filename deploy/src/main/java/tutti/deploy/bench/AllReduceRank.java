package tutti.deploy.bench;

import static tutti.common.error.TuttiException.environment;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import tutti.common.protocol.Peer;
import tutti.worker.agent.GradientAddress;
import tutti.worker.agent.GradientCollectives;
import tutti.worker.agent.GradientMemory;
import tutti.worker.allreduce.Collectives;
import tutti.worker.allreduce.FlightRecorder;
import tutti.worker.allreduce.Group;
import tutti.worker.allreduce.SymmetricMemory;
import tutti.worker.allreduce.Topology;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Shape;

/** One rank of {@code tutti bench allreduce}: the collectives of a run, without the run. */
public final class AllReduceRank {
    /** As the default of {@code --allreduce_timeout}. */
    private static final Duration DEADLINE = Duration.ofSeconds(30);

    private static final long WARM_UP = 2_000_000_000L;
    private static final int WARM_UP_BYTES = 1 << 20;
    private static final long SAMPLE = 20_000_000L;
    private static final int SAMPLES = 11;
    private static final ObjectMapper JSON = new ObjectMapper();

    private final AllReduceSeat seat;
    private final boolean apart;

    public AllReduceRank(AllReduceSeat seat) {
        this.seat = seat;
        this.apart = seat.transport() == Transport.UDP;
    }

    /**
     * Measures one size after the other, together with the other ranks.
     *
     * @param out gets an {@link AllReduceResult} as JSON a line; only from rank 0
     */
    public void run(PrintStream out) throws JsonProcessingException {
        GradientMemory memory = memory();
        int most = Collections.max(seat.bytes());
        Collectives collectives = collectives(memory);
        // As gradients of a run: where ranks share memory, in memory that they share.
        Optional<SymmetricMemory> symmetric = collectives.symmetricMemory(most);
        try (collectives) {
            ByteBuffer data = symmetric.map(SymmetricMemory::buffer).orElseGet(() -> buffer(most));
            AllReduceTiming timing =
                    new AllReduceTiming(collectives, seat.reduceDType(), System::nanoTime, SAMPLE, SAMPLES);
            timing.warmUp(data.limit(Math.min(most, WARM_UP_BYTES)), WARM_UP);
            for (int bytes : seat.bytes()) {
                Spread seconds = timing.secondsPerCall(data.limit(bytes));
                if (seat.rank() == 0) {
                    out.println(JSON.writeValueAsString(
                            AllReduceResult.of(seat.worldSize(), taken(memory), seat.reduceDType(), bytes, seconds)));
                }
            }
        } finally {
            symmetric.ifPresent(SymmetricMemory::close);
        }
    }

    private GradientMemory memory() {
        Topology nodes = apart ? Topology.apart(seat.worldSize()) : Topology.even(1, seat.worldSize());
        long sharedMemory = GradientCollectives.sharedMemory(seat.aeronDir());
        return seat.transport() == Transport.IPC
                ? GradientMemory.of(nodes, Topology.apart(seat.worldSize()), seat.rank(), sharedMemory)
                : GradientMemory.of(nodes, seat.rank(), sharedMemory);
    }

    private Collectives collectives(GradientMemory memory) {
        List<GradientAddress> addresses =
                IntStream.range(0, seat.worldSize()).mapToObj(this::address).toList();
        String host = addresses.get(0).host();
        List<Peer> peers = IntStream.range(0, seat.worldSize())
                .mapToObj(rank -> new Peer(
                        rank, apart ? rank : 0, host, addresses.get(rank).text()))
                .toList();
        return GradientCollectives.open(
                seat.aeronDir(),
                new Group(seat.group(), 1, seat.rank(), Collections.nCopies(seat.worldSize(), host), Optional.empty()),
                addresses.get(seat.rank()),
                peers,
                memory,
                seat.backend(),
                DEADLINE,
                System.err::println,
                FlightRecorder.withoutFile());
    }

    private GradientAddress address(int rank) {
        InetAddress loopback = InetAddress.getLoopbackAddress();
        try {
            return apart
                    ? GradientAddress.at(loopback, seat.ports().get(rank))
                    : new GradientAddress(loopback.getHostAddress(), 0, 0);
        } catch (SocketException e) {
            throw environment("%s: the loopback interface cannot be asked: %s", loopback, e.getMessage());
        }
    }

    /** What AUTO came to. */
    private Transport taken(GradientMemory memory) {
        return apart ? Transport.UDP : memory.stripeBytes() > 0 ? Transport.SHM : Transport.IPC;
    }

    /** Aligned as gradients are. */
    private static ByteBuffer buffer(int bytes) {
        try {
            long rounded = Arena.bytesFor(DType.F32, Shape.of(bytes / DType.F32.bytes()));
            // One unit more, for a start that is not aligned.
            return ByteBuffer.allocateDirect(Math.toIntExact(rounded) + Arena.ALIGNMENT)
                    .alignedSlice(Arena.ALIGNMENT);
        } catch (OutOfMemoryError e) {
            throw environment(
                    "--bytes: bytes=%d of memory cannot be had: %s; take smaller messages, or set TUTTI_WORKER_HEAP=4g",
                    bytes, e.getMessage());
        }
    }
}
