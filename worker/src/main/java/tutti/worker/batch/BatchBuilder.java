package tutti.worker.batch;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import tutti.common.token.TokenizedExample;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.Segments;
import tutti.worker.tensor.Shape;
import tutti.worker.tensor.Tensor;

/**
 * Lays the samples of a micro-batch one after the other into one {@link Batch}: each is a sequence of its own, which attention never
 * leaves, whether samples were packed or not. Sequences are padded to the longest one when that wastes little, because equal lengths
 * let attention run as one batched product; else they stay ragged. A padded row carries no label, and causal attention keeps it out of
 * every real row.
 */
public final class BatchBuilder {
    /** Padding is taken while it makes the batch at most this much longer. */
    private static final double WORTH_PADDING = 1.25;
    /** Lengths are rounded up to a multiple: backends compile and keep code for each shape they meet, so few shapes are cheap. */
    private static final int GRAIN = 16;

    private final Tensor ids;
    private final Tensor positions;
    private final Tensor labels;
    private final int maxRows;
    private final int maxLength;
    private final ByteBuffer host;

    /** Takes its buffers from {@code arena}: three I32 tensors of maxSequences * maxLength rows, for as many sequences as they hold. */
    public BatchBuilder(Arena arena, int maxSequences, int maxLength) {
        this.maxLength = maxLength;
        this.maxRows = Math.multiplyExact(maxSequences, maxLength);
        Shape shape = Shape.of(maxRows);
        this.ids = arena.take("batch ids", DType.I32, shape);
        this.positions = arena.take("batch positions", DType.I32, shape);
        this.labels = arena.take("batch labels", DType.I32, shape);
        this.host =
                ByteBuffer.allocateDirect(Math.toIntExact(labels.byteSize())).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** @param samples whose {@link #rows} are no more than the buffers have */
    public Batch build(List<TokenizedExample> samples) {
        int[] lengths = samples.stream().mapToInt(TokenizedExample::length).toArray();
        int tokens = Arrays.stream(lengths).sum();
        int[] padded =
                Arrays.stream(lengths).map(length -> rows(length, maxLength)).toArray();
        int longest = Arrays.stream(padded).max().orElseThrow();
        boolean uniform = (long) longest * lengths.length <= Math.min(maxRows, WORTH_PADDING * tokens);
        Segments segments = uniform ? Segments.uniform(lengths.length, longest) : Segments.of(padded);
        int rows = segments.queryStart()[segments.count()];
        int[] id = new int[rows];
        int[] position = new int[rows];
        int[] label = new int[rows];
        Arrays.fill(label, Kernels.IGNORE);
        int labelled = 0;
        for (int s = 0; s < lengths.length; s++) {
            TokenizedExample sample = samples.get(s);
            int start = segments.queryStart()[s];
            System.arraycopy(sample.inputIds(), 0, id, start, lengths[s]);
            System.arraycopy(sample.labels(), 1, label, start, lengths[s] - 1);
            for (int i = 0; i < segments.queries(s); i++) {
                position[start + i] = i;
            }
            labelled += sample.labelledTokens();
        }
        return new Batch(
                write(ids, id), write(positions, position), write(labels, label), segments, rows, tokens, labelled);
    }

    /** Rows that a sample of so many tokens takes at least. */
    public static int rows(int length, int maxLength) {
        return Math.min(maxLength, (length + GRAIN - 1) / GRAIN * GRAIN);
    }

    private Tensor write(Tensor buffer, int[] values) {
        Tensor rows = buffer.rows(0, values.length);
        host.clear().limit((int) rows.byteSize());
        host.asIntBuffer().put(values);
        rows.write(host);
        return rows;
    }
}
