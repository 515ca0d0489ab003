package tutti.worker.tensor.nd4j;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.bytedeco.javacpp.PointerScope;
import org.nd4j.linalg.api.buffer.DataBuffer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * ND4J arrays without their memory, kept for the next call that needs the shape: the native description of a shape, which ND4J makes
 * for every new array, is never freed. As many arrays are kept of each shape as one call has used at once, until
 * {@link #clear}.
 */
final class Shells {
    private final Map<Layout, Deque<INDArray>> free = new HashMap<>();

    /** A type, sizes, and the elements from one index to the next for each dimension. */
    private record Layout(DataType type, List<Long> sizes, List<Long> steps) {}

    INDArray take(DataBuffer memory, DataType type, long[] sizes, long[] steps) {
        Deque<INDArray> kept = free.get(layout(type, sizes, steps));
        if (kept != null && !kept.isEmpty()) {
            INDArray array = kept.pop();
            array.setData(memory);
            return array;
        }
        // Looking up the shape leaves two native copies of it to the garbage collector.
        PointerScope shape = new PointerScope();
        try {
            return Nd4j.create(memory, sizes, steps, 0, 'c', type);
        } finally {
            shape.close();
        }
    }

    /** Frees the native side of the array's buffer, which does not own the memory, and keeps the rest. */
    void giveBack(INDArray array) {
        Ops.free(array.data());
        free.computeIfAbsent(layout(array.dataType(), array.shape(), array.stride()), any -> new ArrayDeque<>())
                .push(array);
    }

    /** Forgets all arrays; none may be in use. */
    void clear() {
        free.clear();
    }

    private static Layout layout(DataType type, long[] sizes, long[] steps) {
        return new Layout(type, boxed(sizes), boxed(steps));
    }

    private static List<Long> boxed(long[] values) {
        return LongStream.of(values).boxed().toList();
    }
}
