package tutti.worker.model;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntUnaryOperator;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.Shape;
import tutti.worker.tensor.Tensor;

/**
 * The same model, one sequence at a time, with the keys and values of earlier tokens kept in a cache: token t costs one row of
 * work instead of t. Not thread-safe.
 */
public final class LlamaDecoder {
    private final Kernels kernels;
    private final LlamaConfig config;
    private final int capacity;
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
    private final Tensor normed;
    private final Tensor rstd;
    private final Tensor logits;
    private final Tensor masterLogits;
    private final ByteBuffer host;
    private int length;

    /** @param capacity most tokens of one sequence, prompt included */
    public LlamaDecoder(
            LlamaConfig config, Kernels kernels, DType compute, Weights weights, Arena arena, int capacity) {
        this.kernels = kernels;
        this.config = config;
        this.capacity = capacity;
        DType master = kernels.masterDType();
        Rope rope = Rope.of(arena, master, config, capacity);
        Shape cache = Shape.of(capacity, (long) config.kvHeads() * config.headDim());
        for (int layer = 0; layer < config.layers(); layer++) {
            blocks.add(new Block(kernels, config, rope, weights, layer));
            keys.add(arena.take("cached keys", compute, cache));
            values.add(arena.take("cached values", compute, cache));
        }
        activations = BlockActivations.take(arena, config, master, compute, capacity);
        embedding = weights.weight(ParameterSpec.EMBEDDING);
        norm = weights.weight(ParameterSpec.FINAL_NORM);
        head = config.tied() ? embedding : weights.weight(ParameterSpec.HEAD);
        ids = arena.take("decoder ids", DType.I32, Shape.of(capacity));
        positions = arena.take("decoder positions", DType.I32, Shape.of(capacity));
        in = arena.take("decoder block input", compute, Shape.of(capacity, config.hidden()));
        out = arena.take("decoder block output", compute, Shape.of(capacity, config.hidden()));
        normed = arena.take("decoder final norm", compute, Shape.of(1, config.hidden()));
        rstd = arena.take("decoder rstd", master, Shape.of(1));
        logits = arena.take("decoder logits", compute, Shape.of(1, config.vocabulary()));
        masterLogits = arena.take("decoder logits, master dtype", master, Shape.of(1, config.vocabulary()));
        host = ByteBuffer.allocateDirect(Math.toIntExact(Math.max(ids.byteSize(), masterLogits.byteSize())))
                .order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Tokens in the cache. */
    public int length() {
        return length;
    }

    public int capacity() {
        return capacity;
    }

    /** Forgets the sequence. */
    public void reset() {
        length = 0;
    }

    /**
     * Appends tokens to the sequence and returns the logits (V) that follow the last of them.
     *
     * @throws IllegalArgumentException if there is no token, or the cache would overflow
     */
    public float[] append(int... tokens) {
        int rows = tokens.length;
        if (rows == 0 || length + rows > capacity) {
            throw new IllegalArgumentException("tokens=%d length=%d capacity=%d".formatted(rows, length, capacity));
        }
        write(ids, rows, i -> tokens[i]);
        write(positions, rows, i -> length + i);
        Tensor x = in.rows(0, rows);
        Tensor y = out.rows(0, rows);
        BlockActivations a = activations.rows(rows);
        kernels.embedding(x, embedding.value(), ids.rows(0, rows));
        for (int layer = 0; layer < blocks.size(); layer++) {
            Block block = blocks.get(layer);
            block.decode(a, x, positions.rows(0, rows), keys.get(layer), values.get(layer), length);
            block.finish(y, a);
            Tensor held = x;
            x = y;
            y = held;
        }
        length += rows;
        kernels.rmsNorm(normed, rstd, x.rows(rows - 1, 1), norm.value(), config.normEps());
        kernels.matmul(logits, normed, false, head.value(), true, false);
        kernels.copy(masterLogits, logits);
        return read();
    }

    private void write(Tensor target, int rows, IntUnaryOperator value) {
        host.clear().limit(rows * Integer.BYTES);
        for (int i = 0; i < rows; i++) {
            host.putInt(i * Integer.BYTES, value.applyAsInt(i));
        }
        target.rows(0, rows).write(host);
    }

    private float[] read() {
        float[] row = new float[config.vocabulary()];
        ByteBuffer bytes = host.clear().limit((int) masterLogits.byteSize());
        masterLogits.read(bytes);
        for (int i = 0; i < row.length; i++) {
            row[i] = masterLogits.dtype() == DType.F64
                    ? (float) bytes.getDouble(i * Double.BYTES)
                    : bytes.getFloat(i * Float.BYTES);
        }
        return row;
    }
}
