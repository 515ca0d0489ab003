package tutti.worker.model;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntUnaryOperator;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Dimensions;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.Shape;
import tutti.worker.tensor.Tensor;

/**
 * The same model for generation. It holds so many sequences, each in a slot with the keys and values of its earlier tokens, so that token
 * t costs one row of work instead of t. What is appended to several of them goes through the products together. Which others are there
 * changes the logits of a sequence by rounding only, because backends round a product of few rows otherwise than one of many. Not
 * thread-safe.
 */
public final class LlamaDecoder {
    /** A longer prompt goes in pieces: activations do not grow with it. */
    private static final int PASS_ROWS = 512;

    private final Kernels kernels;
    private final LlamaConfig config;
    private final int capacity;
    private final int passRows;
    private final List<Block> blocks = new ArrayList<>();
    private final List<Tensor> keys = new ArrayList<>();
    private final List<Tensor> values = new ArrayList<>();
    private final BlockActivations activations;
    private final Weight embedding;
    private final Weight norm;
    private final Weight head;
    private final Tensor ids;
    private final Tensor positions;
    private final Tensor in;
    private final Tensor out;
    private final Tensor last;
    private final Tensor normed;
    private final Tensor rstd;
    private final Tensor logits;
    private final Tensor masterLogits;
    private final ByteBuffer host;
    private final int[] length;

    /**
     * @param slots most sequences at once
     * @param capacity most tokens of one sequence, prompt included
     */
    public LlamaDecoder(
            LlamaConfig config, Kernels kernels, DType compute, Weights weights, Arena arena, int slots, int capacity) {
        this.kernels = kernels;
        this.config = config;
        this.capacity = capacity;
        this.length = new int[slots];
        this.passRows = (int) Math.min(Math.max(PASS_ROWS, slots), (long) slots * capacity);
        DType master = kernels.masterDType();
        Rope rope = Rope.of(arena, master, config, capacity);
        Shape cache = Shape.of((long) slots * capacity, (long) config.kvHeads() * config.headDim());
        for (int layer = 0; layer < config.layers(); layer++) {
            blocks.add(new Block(kernels, config, rope, weights, layer));
            keys.add(arena.take("cached keys", compute, cache));
            values.add(arena.take("cached values", compute, cache));
        }
        activations = BlockActivations.take(arena, config, master, compute, passRows);
        embedding = weights.weight(ParameterSpec.EMBEDDING);
        norm = weights.weight(ParameterSpec.FINAL_NORM);
        head = config.tied() ? embedding : weights.weight(ParameterSpec.HEAD);
        ids = arena.take("decoder ids", DType.I32, Shape.of(passRows));
        positions = arena.take("decoder positions", DType.I32, Shape.of(passRows));
        in = arena.take("decoder block input", compute, Shape.of(passRows, config.hidden()));
        out = arena.take("decoder block output", compute, Shape.of(passRows, config.hidden()));
        last = arena.take("decoder last rows", compute, Shape.of(slots, config.hidden()));
        normed = arena.take("decoder final norm", compute, Shape.of(slots, config.hidden()));
        rstd = arena.take("decoder rstd", master, Shape.of(slots));
        logits = arena.take("decoder logits", compute, Shape.of(slots, config.vocabulary()));
        masterLogits = arena.take("decoder logits, master dtype", master, Shape.of(slots, config.vocabulary()));
        host = ByteBuffer.allocateDirect(Math.toIntExact(
                        Math.max(ids.byteSize(), masterLogits.rows(0, 1).byteSize())))
                .order(ByteOrder.LITTLE_ENDIAN);
    }

    /**
     * What kernels are asked for at most, but for the logits: beside a model that learns they need no more than its loss, so the
     * vocabulary counts as one token.
     */
    public Dimensions dimensions() {
        return new Dimensions(
                // Attention takes the cached rows of a sequence, too.
                Math.max(passRows, capacity),
                capacity,
                config.hidden(),
                config.intermediate(),
                config.heads(),
                config.kvHeads(),
                config.headDim(),
                1);
    }

    /** Tokens that a sequence is given; at least one. */
    public record Tail(int slot, int... tokens) {}

    public int slots() {
        return length.length;
    }

    public int capacity() {
        return capacity;
    }

    /** Tokens of a sequence in the cache. */
    public int length(int slot) {
        return length[slot];
    }

    /** Forgets all but the first {@code kept} tokens of a sequence. */
    public void cut(int slot, int kept) {
        length[slot] = Math.min(length[slot], kept);
    }

    /**
     * Appends to sequences and returns the logits (V) that follow the last token of each, in the order of the tails.
     *
     * @throws IllegalArgumentException if a tail is empty, a slot comes twice, or a cache would overflow
     */
    public List<float[]> append(List<Tail> tails) {
        check(tails);
        List<float[]> all = new ArrayList<>();
        int next = 0;
        int done = 0;
        while (next < tails.size()) {
            List<CachedRun> runs = new ArrayList<>();
            List<CachedRun> ended = new ArrayList<>();
            int[] row = new int[passRows];
            int rows = 0;
            while (next < tails.size() && rows < passRows) {
                Tail tail = tails.get(next);
                int count = Math.min(tail.tokens().length - done, passRows - rows);
                System.arraycopy(tail.tokens(), done, row, rows, count);
                CachedRun run = new CachedRun(rows, count, tail.slot() * capacity, length[tail.slot()]);
                runs.add(run);
                length[tail.slot()] += count;
                rows += count;
                done += count;
                if (done == tail.tokens().length) {
                    ended.add(run);
                    next++;
                    done = 0;
                }
            }
            all.addAll(logits(pass(row, rows, runs), ended));
        }
        return all;
    }

    private void check(List<Tail> tails) {
        int[] after = length.clone();
        for (Tail tail : tails) {
            if (tail.tokens().length == 0 || after[tail.slot()] + tail.tokens().length > capacity) {
                throw new IllegalArgumentException("slot=%d: tokens=%d length=%d capacity=%d"
                        .formatted(tail.slot(), tail.tokens().length, after[tail.slot()], capacity));
            }
            after[tail.slot()] += tail.tokens().length;
        }
        if (tails.stream().map(Tail::slot).distinct().count() < tails.size()) {
            throw new IllegalArgumentException("a slot comes twice: " + tails);
        }
    }

    /** Returns the output of the last block. */
    private Tensor pass(int[] tokens, int rows, List<CachedRun> runs) {
        int[] position = new int[rows];
        for (CachedRun run : runs) {
            for (int i = 0; i < run.rows(); i++) {
                position[run.row() + i] = run.past() + i;
            }
        }
        write(ids, rows, row -> tokens[row]);
        write(positions, rows, row -> position[row]);
        Tensor x = in.rows(0, rows);
        Tensor y = out.rows(0, rows);
        BlockActivations a = activations.rows(rows);
        kernels.embedding(x, embedding.value(), ids.rows(0, rows));
        for (int layer = 0; layer < blocks.size(); layer++) {
            Block block = blocks.get(layer);
            block.decode(a, x, positions.rows(0, rows), keys.get(layer), values.get(layer), runs);
            block.finish(y, a);
            Tensor held = x;
            x = y;
            y = held;
        }
        return x;
    }

    private void write(Tensor target, int rows, IntUnaryOperator value) {
        host.clear().limit(rows * Integer.BYTES);
        for (int i = 0; i < rows; i++) {
            host.putInt(i * Integer.BYTES, value.applyAsInt(i));
        }
        target.rows(0, rows).write(host);
    }

    /** Of the last row of each run. */
    private List<float[]> logits(Tensor x, List<CachedRun> runs) {
        int count = runs.size();
        if (count == 0) {
            return List.of();
        }
        for (int i = 0; i < count; i++) {
            CachedRun run = runs.get(i);
            kernels.copy(last.rows(i, 1), x.rows(run.row() + run.rows() - 1, 1));
        }
        Tensor normedRows = normed.rows(0, count);
        kernels.rmsNorm(normedRows, rstd.rows(0, count), last.rows(0, count), norm.value(), config.normEps());
        kernels.matmul(logits.rows(0, count), normedRows, false, head.value(), true, false);
        kernels.copy(masterLogits.rows(0, count), logits.rows(0, count));
        return read(count);
    }

    private List<float[]> read(int count) {
        List<float[]> read = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            Tensor logits = masterLogits.rows(i, 1);
            logits.read(host.clear().limit((int) logits.byteSize()));
            float[] row = new float[config.vocabulary()];
            for (int v = 0; v < row.length; v++) {
                row[v] = logits.dtype() == DType.F64
                        ? (float) host.getDouble(v * Double.BYTES)
                        : host.getFloat(v * Float.BYTES);
            }
            read.add(row);
        }
        return read;
    }
}
