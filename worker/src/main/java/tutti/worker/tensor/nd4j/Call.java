package tutti.worker.tensor.nd4j;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.Pointer;
import org.nd4j.linalg.api.buffer.DataBuffer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Tensor;

/**
 * What one kernel call lays over memory: ND4J arrays on tensors and on scratch. Memory is named by its address and holds float32
 * unless said otherwise. Closing waits for the device and frees the arrays, not the memory of tensors.
 */
final class Call implements AutoCloseable {
    private final Scratch scratch;
    private final Scratch.Mark mark;
    private final Shells shells;
    private final List<INDArray> arrays = new ArrayList<>();

    Call(Scratch scratch, Shells shells) {
        this.scratch = scratch;
        this.shells = shells;
        this.mark = scratch.enter();
    }

    /** A call inside this one: gives its own arrays and scratch back when it closes. */
    Call inner() {
        return new Call(scratch, shells);
    }

    // ---- memory ----

    /** Scratch for {@code count} float32 with any contents. */
    long temporary(long count) {
        return scratch.take(count * Float.BYTES);
    }

    /** Where the values of a floating tensor can be read as float32: the tensor itself, or a widened copy. */
    long read(Tensor tensor) {
        if (tensor.dtype() == DType.F32) {
            return Nd4jTensor.address(tensor);
        }
        long wide = temporary(tensor.count());
        Ops.cast(vector(wide, tensor.count()), flat(tensor));
        return wide;
    }

    /** Where float32 results for a floating tensor are to be put before {@link #store}: the tensor itself, or scratch. */
    long target(Tensor tensor) {
        return tensor.dtype() == DType.F32 ? Nd4jTensor.address(tensor) : temporary(tensor.count());
    }

    /** Rounds what {@link #target} or {@link #read} held into the tensor; nothing is to do if it was the tensor itself. */
    void store(Tensor tensor, long values) {
        if (tensor.dtype() != DType.F32) {
            INDArray wide = vector(values, tensor.count());
            Ops.quietNaN(wide, scalar(Float.NaN));
            Ops.cast(flat(tensor), wide);
        }
    }

    // ---- arrays ----

    INDArray vector(long address, long count) {
        return array(DataType.FLOAT, address, new long[] {count}, new long[] {1});
    }

    INDArray matrix(long address, long rows, long columns) {
        return matrix(address, rows, columns, columns);
    }

    /** @param step elements from one row to the next */
    INDArray matrix(long address, long rows, long columns, long step) {
        return array(DataType.FLOAT, address, new long[] {rows, columns}, new long[] {step, 1});
    }

    /** @param steps elements from one index to the next, for each dimension */
    INDArray strided(long address, long[] sizes, long[] steps) {
        return array(DataType.FLOAT, address, sizes, steps);
    }

    /** All elements of a tensor in a row, in its own dtype. */
    INDArray flat(Tensor tensor) {
        return array(tensor, tensor.count());
    }

    /** A tensor in its own dtype, as a dense array of this shape. */
    INDArray array(Tensor tensor, long... sizes) {
        return dense(Nd4jTensor.dataType(tensor.dtype()), Nd4jTensor.address(tensor), sizes);
    }

    /** A temporary of another type than float32. */
    INDArray temporary(DataType type, long... sizes) {
        return dense(type, scratch.take(count(sizes) * type.width()), sizes);
    }

    INDArray scalar(double value) {
        long address = temporary(1);
        new FloatPointer(new Block.At(address, 1)).put(0, (float) value);
        return vector(address, 1);
    }

    /** Row numbers for {@link Ops#gather} and {@link Ops#scatter}. */
    INDArray index(int[] rows) {
        INDArray index = temporary(DataType.INT32, rows.length);
        new IntPointer(new Block.At(index.data().address(), rows.length)).put(rows, 0, rows.length);
        return index;
    }

    /** A column of ones: a product with it is a sum of rows, more exact and faster than ND4J's. */
    INDArray ones(long count) {
        long address = temporary(count);
        Ops.fill(vector(address, count), scalar(1));
        return matrix(address, count, 1);
    }

    /** Copies to the host, once the device has written them. */
    float[] values(long address, int count) {
        Nd4j.getExecutioner().commit();
        float[] values = new float[count];
        new FloatPointer(new Block.At(address, count)).get(values);
        return values;
    }

    private INDArray dense(DataType type, long address, long... sizes) {
        long[] steps = new long[sizes.length];
        long step = 1;
        for (int i = sizes.length - 1; i >= 0; i--) {
            steps[i] = step;
            step *= sizes[i];
        }
        return array(type, address, sizes, steps);
    }

    private INDArray array(DataType type, long address, long[] sizes, long[] steps) {
        long extent = 1;
        for (int i = 0; i < sizes.length; i++) {
            extent += (sizes[i] - 1) * steps[i];
        }
        // Host and device know this memory by one address, and the pointer owns nothing.
        Pointer memory = new Block.At(address, extent * type.width());
        DataBuffer buffer = Nd4j.createBuffer(memory, memory, extent, type);
        INDArray array = shells.take(buffer, type, sizes, steps);
        arrays.add(array);
        return array;
    }

    private static long count(long... sizes) {
        long count = 1;
        for (long size : sizes) {
            count *= size;
        }
        return count;
    }

    @Override
    public void close() {
        // On a GPU operations run behind; their arrays and scratch must stay until they are done. On a CPU this does
        // nothing.
        Nd4j.getExecutioner().commit();
        arrays.forEach(shells::giveBack);
        scratch.leave(mark);
    }
}
