package tutti.worker.allreduce;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32C;
import tutti.worker.tensor.DType;

/**
 * What is asked of all ranks.
 *
 * @param dtype of the elements that {@code parts} counts
 * @param wire what frames carry of them: {@code dtype}, or BF16 for sums of F32
 * @param parts who owns what of the buffer
 * @param buffer little-endian, from 0 to its limit; direct if values are added
 */
record Collective(Kind kind, String name, DType dtype, DType wire, Partition parts, ByteBuffer buffer) {

    /** Two halves make an all-reduce: owners add what all contribute, then give it to all. */
    enum Kind {
        ALL_REDUCE("all-reduce", true, true),
        REDUCE_SCATTER("reduce-scatter", true, false),
        ALL_GATHER("all-gather", false, true),
        BROADCAST("broadcast", false, true);

        private final String word;
        private final boolean reduces;
        private final boolean spreads;

        Kind(String word, boolean reduces, boolean spreads) {
            this.word = word;
            this.reduces = reduces;
            this.spreads = spreads;
        }

        String word() {
            return word;
        }

        boolean reduces() {
            return reduces;
        }

        boolean spreads() {
            return spreads;
        }
    }

    int bytes() {
        return buffer.limit();
    }

    /** First byte of a rank's part. */
    int start(int rank) {
        return parts.start(rank) * dtype.bytes();
    }

    /** Bytes of a rank's part. */
    int length(int rank) {
        return parts.length(rank) * dtype.bytes();
    }

    /** Do frames carry less than the elements hold? */
    boolean narrowed() {
        return wire != dtype;
    }

    /** Bytes of a rank's part in frames. */
    int wireLength(int rank) {
        return parts.length(rank) * wire.bytes();
    }

    /**
     * Bytes of nccl-tests' bus bandwidth: each half of an all-reduce moves all but one part of the elements, a broadcast all of them,
     * as frames carry them and whatever the way. So what hardware can do is one number for all kinds and numbers of ranks.
     */
    long busBytes() {
        long all = (long) parts.elements() * wire.bytes();
        if (kind == Kind.BROADCAST) {
            return all;
        }
        long halves = (kind.reduces ? 1 : 0) + (kind.spreads ? 1 : 0);
        return halves * all * (parts.ranks() - 1) / parts.ranks();
    }

    /** Every rank's copy of the buffer for every rank. */
    Collective gathering(int ranks, ByteBuffer copies) {
        return new Collective(
                Kind.ALL_GATHER, name, dtype, dtype, Partition.even(parts.elements() * ranks, ranks), copies);
    }

    /** One half of it, within a node: for elements {@code from} on of those that {@code some} cuts. */
    Collective half(Kind half, Partition some, int from) {
        ByteBuffer slice = buffer.slice(from * dtype.bytes(), some.elements() * dtype.bytes());
        return new Collective(half, name, dtype, dtype, some, slice.order(buffer.order()));
    }

    /** {@code all-reduce 'layer.3' (F32, 4096 bytes, number 17)}; {@code (F32 as BF16, ...} if frames carry that. */
    String describe(int sequence) {
        return "%s '%s' (%s, %d bytes, number %d)".formatted(kind.word, name, types(), bytes(), sequence);
    }

    private String types() {
        return narrowed() ? dtype + " as " + wire : dtype.toString();
    }

    /** Differs, but for one chance in four billion, when name, kind, types, length or parts differ. */
    int fingerprint() {
        CRC32C crc = new CRC32C();
        String text = kind + "\n" + name + '\n' + types() + '\n' + parts;
        crc.update(text.getBytes(StandardCharsets.UTF_8));
        return (int) crc.getValue();
    }
}
