package tutti.worker.allreduce;

import static tutti.worker.allreduce.FrameLayout.CONTRIBUTION;
import static tutti.worker.allreduce.FrameLayout.RESULT;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Puts into words who is being waited for. */
final class StallReport {
    private static final int NAMED = 4;

    private StallReport() {}

    static String of(
            Group group,
            PendingCollective pending,
            Exchange exchange,
            Wire wire,
            long idleNanos,
            DroppedFrames dropped) {
        String drops = dropped.total() > 0 ? " Frames dropped: " + dropped + "." : "";
        return String.format(
                Locale.ROOT,
                "%s of generation %d: no progress for %.1f s on %s, which waits for %s.%s",
                pending.describe(),
                group.generation(),
                idleNanos / 1e9,
                group.describe(group.rank()),
                waitedFor(group, exchange, wire),
                drops);
    }

    /** The peers that hold it up, each with bytes, the first few of them; {@code no peer} if it could go on. */
    static String waitedFor(Group group, Exchange exchange, Wire wire) {
        List<Integer> late = late(group, exchange);
        if (late.isEmpty()) {
            return "no peer";
        }
        String peers = late.stream()
                .limit(NAMED)
                .map(peer -> line(group, exchange, wire, peer))
                .collect(Collectors.joining("; "));
        return late.size() > NAMED ? peers + "; and " + (late.size() - NAMED) + " more" : peers;
    }

    /**
     * The likeliest first. Contributions are owed whatever others do, so who is furthest behind with them is the culprit; a
     * missing result may only mean that its owner waits too.
     */
    private static List<Integer> late(Group group, Exchange exchange) {
        List<Integer> peers = new ArrayList<>(IntStream.range(0, group.worldSize())
                .filter(peer -> peer != group.rank())
                .boxed()
                .toList());
        long least = peers.stream()
                .mapToLong(peer -> exchange.received(peer, CONTRIBUTION))
                .min()
                .orElse(0);
        List<Integer> silent = peers.stream()
                .filter(peer -> exchange.received(peer, CONTRIBUTION) < exchange.expected(peer, CONTRIBUTION))
                .filter(peer -> exchange.received(peer, CONTRIBUTION) == least)
                .toList();
        if (!silent.isEmpty()) {
            return silent;
        }
        List<Integer> deaf = peers.stream()
                .filter(peer -> exchange.sent(peer, CONTRIBUTION) < exchange.toSend(peer, CONTRIBUTION)
                        || exchange.sent(peer, RESULT) < exchange.toSend(peer, RESULT))
                .toList();
        if (!deaf.isEmpty()) {
            return deaf;
        }
        peers.removeIf(peer -> exchange.received(peer, RESULT) == exchange.expected(peer, RESULT));
        return peers;
    }

    private static String line(Group group, Exchange exchange, Wire wire, int peer) {
        return String.format(
                Locale.ROOT,
                "%s: received %d of %d bytes, sent %d of %d, last offer %s",
                group.describe(peer),
                exchange.received(peer, CONTRIBUTION) + exchange.received(peer, RESULT),
                exchange.expected(peer, CONTRIBUTION) + exchange.expected(peer, RESULT),
                exchange.sent(peer, CONTRIBUTION) + exchange.sent(peer, RESULT),
                exchange.toSend(peer, CONTRIBUTION) + exchange.toSend(peer, RESULT),
                wire.lastAnswer(peer));
    }
}
