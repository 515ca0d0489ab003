package tutti.worker.allreduce;

import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLongArray;

/** Frames that arrived and were not used, counted by reason. Written by the thread that runs a collective, read by any. */
public final class DroppedFrames {

    public enum Kind {
        /** Not a frame of ours, or its fields do not fit each other or the collective. */
        MALFORMED,
        /** Header or payload changed on the way. */
        BAD_CHECKSUM,
        /** Where frames are signed: with another key or none, for another rank, or changed on the way. */
        BAD_SIGNATURE,
        WRONG_RUN,
        /** Of an earlier membership (or a later one, which cannot belong here either). */
        WRONG_GENERATION,
        /** Of a collective that is already complete. */
        PAST_COLLECTIVE,
        /** Bytes that had already arrived. */
        DUPLICATE
    }

    private final AtomicLongArray counts = new AtomicLongArray(Kind.values().length);

    /** Returns the new count. */
    long add(Kind kind) {
        return counts.incrementAndGet(kind.ordinal());
    }

    public long count(Kind kind) {
        return counts.get(kind.ordinal());
    }

    public long total() {
        long sum = 0;
        for (int i = 0; i < counts.length(); i++) {
            sum += counts.get(i);
        }
        return sum;
    }

    /** Every kind, in their order. */
    Map<Kind, Long> counts() {
        Map<Kind, Long> all = new EnumMap<>(Kind.class);
        for (Kind kind : Kind.values()) {
            all.put(kind, count(kind));
        }
        return all;
    }

    /** Kinds that occurred, as {@code BAD_CHECKSUM=2 DUPLICATE=1}; {@code none} otherwise. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        for (Kind kind : Kind.values()) {
            if (count(kind) > 0) {
                text.append(text.isEmpty() ? "" : " ").append(kind).append('=').append(count(kind));
            }
        }
        return text.isEmpty() ? "none" : text.toString();
    }
}
