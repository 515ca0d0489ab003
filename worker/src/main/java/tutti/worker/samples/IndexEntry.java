package tutti.worker.samples;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;
import tutti.common.token.TokenizedExample;

/**
 * How a sample lies in a file. Its record is its token ids, 32 bits each, little-endian; the top bit of one says that it is learned. Where a
 * label is another id than its token, all labels follow behind the ids. The index has 16 bytes a sample: offset of the record, tokens (top
 * bit: with labels), CRC32C of the record.
 */
record IndexEntry(long offset, int length, boolean withLabels, int crc) {
    static final int BYTES = 16;
    private static final int TOP = 1 << 31;

    /** Bytes of the record: at most 8 a token. */
    long recordBytes() {
        return (long) length * Integer.BYTES * (withLabels ? 2 : 1);
    }

    static ByteBuffer record(TokenizedExample sample) {
        int length = sample.length();
        boolean withLabels = withLabels(sample);
        ByteBuffer bytes = buffer((withLabels ? 2 : 1) * length * Integer.BYTES);
        for (int i = 0; i < length; i++) {
            boolean learned = sample.labels()[i] != TokenizedExample.IGNORED;
            bytes.putInt(sample.inputIds()[i] | (learned ? TOP : 0));
        }
        if (withLabels) {
            bytes.asIntBuffer().put(sample.labels());
        }
        return bytes.clear();
    }

    static IndexEntry of(TokenizedExample sample, ByteBuffer record, long offset) {
        return new IndexEntry(offset, sample.length(), withLabels(sample), crc(record));
    }

    private static boolean withLabels(TokenizedExample sample) {
        for (int i = 0; i < sample.length(); i++) {
            int label = sample.labels()[i];
            if (label != TokenizedExample.IGNORED && label != sample.inputIds()[i]) {
                return true;
            }
        }
        return false;
    }

    /** @param record as {@link #record} made it */
    TokenizedExample sample(ByteBuffer record) {
        int[] ids = new int[length];
        int[] labels = new int[length];
        record.asIntBuffer().get(ids);
        for (int i = 0; i < length; i++) {
            boolean learned = (ids[i] & TOP) != 0;
            ids[i] &= ~TOP;
            labels[i] = learned ? ids[i] : TokenizedExample.IGNORED;
        }
        if (withLabels) {
            record.asIntBuffer().position(length).get(labels);
        }
        return new TokenizedExample(ids, labels);
    }

    void write(ByteBuffer index) {
        index.putLong(offset).putInt(length | (withLabels ? TOP : 0)).putInt(crc);
    }

    static IndexEntry read(ByteBuffer index) {
        long offset = index.getLong();
        int word = index.getInt();
        return new IndexEntry(offset, word & ~TOP, (word & TOP) != 0, index.getInt());
    }

    static ByteBuffer buffer(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    static int crc(ByteBuffer record) {
        CRC32C crc = new CRC32C();
        crc.update(record.duplicate());
        return (int) crc.getValue();
    }
}
