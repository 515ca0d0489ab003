package tutti.deploy.bench;

import static tutti.common.error.TuttiException.bug;
import static tutti.common.error.TuttiException.environment;
import static tutti.common.error.TuttiException.require;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import tutti.common.config.AllReduceConfig.ReduceDType;
import tutti.common.config.TrainConfig.Backend;
import tutti.deploy.agent.RankGroup;
import tutti.deploy.agent.RankGroup.Driver;

/**
 * The float32 all-reduce of a run between real processes, one for each rank, size by size. Every sum is checked.
 *
 * @param ranks starts the processes
 * @param command the words of the command that runs {@link AllReduceRank}; the seat follows them
 */
public record AllReduceBench(RankGroup ranks, List<String> command) {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration START = Duration.ofMinutes(1);
    /** A rank gives up much earlier when nothing moves: this is for a slow machine with many ranks. */
    private static final Duration EACH_SIZE = Duration.ofMinutes(10);

    /**
     * What is measured.
     *
     * @param backend whose additions are used
     * @param reduceDType what travels; inside a node that is float32
     * @param bytes of float32 that each rank contributes, one after the other
     */
    public record Options(
            int worldSize, Transport transport, Backend backend, ReduceDType reduceDType, List<Integer> bytes) {
        public Options {
            require(
                    worldSize >= 2 && worldSize <= KnownSum.MOST_RANKS,
                    "--world_size=%d: 2 to %d ranks",
                    worldSize,
                    KnownSum.MOST_RANKS);
            require(
                    reduceDType == ReduceDType.FLOAT32 || transport == Transport.UDP,
                    "--reduce_dtype %s: --transport %s is one node, in which nothing is rounded; take --transport udp",
                    reduceDType.word(),
                    transport.word());
            bytes = List.copyOf(bytes);
        }
    }

    /**
     * Starts the ranks and waits for them.
     *
     * @param results gets each size when it is measured, on another thread
     * @return 0, or the exit code of the rank that failed
     */
    public int run(Options options, Consumer<AllReduceResult> results) {
        boolean together = options.transport() != Transport.UDP;
        long group = new SecureRandom().nextLong();
        List<Integer> ports = together ? List.of() : freePorts(options.worldSize());
        RankGroup.Words words = (rank, aeronDir) -> {
            List<String> line = new ArrayList<>(command);
            line.add(new AllReduceSeat(
                            rank,
                            options.worldSize(),
                            group,
                            options.transport(),
                            options.backend(),
                            options.reduceDType(),
                            options.bytes(),
                            ports,
                            aeronDir)
                    .text());
            return line;
        };
        AtomicInteger told = new AtomicInteger();
        int code = ranks.run(
                options.worldSize(),
                together ? Driver.SHARED : Driver.EACH,
                START.plus(EACH_SIZE.multipliedBy(options.bytes().size())),
                words,
                (rank, line) -> {
                    Optional<AllReduceResult> result = rank == 0 ? result(line) : Optional.empty();
                    result.ifPresent(one -> {
                        results.accept(one);
                        told.incrementAndGet();
                    });
                    return result.isPresent();
                });
        if (code == 0 && told.get() < options.bytes().size()) {
            throw bug("rank 0 told %d of %d sizes", told.get(), options.bytes().size());
        }
        return code;
    }

    /** Empty for what a library may say on standard output. */
    private static Optional<AllReduceResult> result(String line) {
        try {
            return Optional.of(JSON.readValue(line, AllReduceResult.class));
        } catch (JsonProcessingException e) {
            return Optional.empty();
        }
    }

    /** Of UDP, on the loopback interface, free a moment ago; all different. */
    private static List<Integer> freePorts(int count) {
        List<DatagramSocket> sockets = new ArrayList<>();
        try {
            for (int i = 0; i < count; i++) {
                sockets.add(new DatagramSocket(0, InetAddress.getLoopbackAddress()));
            }
            return sockets.stream().map(DatagramSocket::getLocalPort).toList();
        } catch (IOException e) {
            throw environment("no %d free UDP ports on the loopback interface: %s", count, e.getMessage());
        } finally {
            sockets.forEach(DatagramSocket::close);
        }
    }
}
