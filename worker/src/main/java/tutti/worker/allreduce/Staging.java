package tutti.worker.allreduce;

import java.nio.ByteBuffer;
import tutti.worker.tensor.DType;

/**
 * Where the owner of a part keeps contributions until all ranks have sent the same stretch: one ring (lane) per rank, so W
 * times the window in bytes on the Java heap. Owned by one TreeAllReduce, reused by every sum of its element type, touched by
 * the communication thread only.
 *
 * <p>Elements are counted from the start of the part; element e lies at e modulo the window. The caller keeps the distance
 * between what is staged and what is reduced within the window.
 */
abstract class Staging {
    /** Elements per addition pass: W lanes of this length stay in the second cache level. */
    private static final int BLOCK = 16384;

    private final int window;

    Staging(int window) {
        this.window = window;
    }

    static Staging of(DType dtype, int ranks, int windowBytes) {
        return dtype == DType.F64
                ? new DoubleStaging(ranks, windowBytes / Double.BYTES)
                : new FloatStaging(ranks, windowBytes / Float.BYTES);
    }

    /** Copies all of {@code source} from position to limit into the lane of {@code rank}, beginning at {@code element}. */
    final void stage(int rank, int element, ByteBuffer source, int count) {
        int at = element % window;
        int head = Math.min(count, window - at);
        load(rank, at, source, 0, head);
        load(rank, 0, source, head, count - head);
    }

    /**
     * Adds all lanes in the order of the tree over elements {@code from..to-1} and writes the sums over this rank's own
     * values.
     *
     * @param own this rank's values of the part; replaced by the sums
     */
    final void reduce(int rank, ByteBuffer own, int from, int to) {
        for (int element = from; element < to; ) {
            int at = element % window;
            int count = Math.min(Math.min(to - element, BLOCK), window - at);
            load(rank, at, own, element, count);
            sum(at, count);
            store(at, own, element, count);
            element += count;
        }
    }

    /** Reads {@code count} elements, the first being number {@code element} after the position of {@code source}. */
    abstract void load(int rank, int at, ByteBuffer source, int element, int count);

    abstract void sum(int at, int count);

    abstract void store(int at, ByteBuffer target, int element, int count);

    private static final class FloatStaging extends Staging {
        private final float[][] lanes;

        FloatStaging(int ranks, int window) {
            super(window);
            lanes = new float[ranks][window];
        }

        @Override
        void load(int rank, int at, ByteBuffer source, int element, int count) {
            source.asFloatBuffer().get(element, lanes[rank], at, count);
        }

        @Override
        void sum(int at, int count) {
            SumTree.sum(lanes, 0, lanes.length, at, count);
        }

        @Override
        void store(int at, ByteBuffer target, int element, int count) {
            target.asFloatBuffer().put(element, lanes[0], at, count);
        }
    }

    private static final class DoubleStaging extends Staging {
        private final double[][] lanes;

        DoubleStaging(int ranks, int window) {
            super(window);
            lanes = new double[ranks][window];
        }

        @Override
        void load(int rank, int at, ByteBuffer source, int element, int count) {
            source.asDoubleBuffer().get(element, lanes[rank], at, count);
        }

        @Override
        void sum(int at, int count) {
            SumTree.sum(lanes, 0, lanes.length, at, count);
        }

        @Override
        void store(int at, ByteBuffer target, int element, int count) {
            target.asDoubleBuffer().put(element, lanes[0], at, count);
        }
    }
}
