package tutti.worker.tensor.contract;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Shape;
import tutti.worker.tensor.Tensor;

/** Contents of tensors as doubles, ids or bits, wherever they lie. */
public final class Numbers {
    private Numbers() {}

    /** All elements of a tensor of any floating dtype. */
    public static double[] read(Tensor tensor) {
        ByteBuffer bytes = host(tensor);
        tensor.read(bytes);
        bytes.flip();
        double[] values = new double[(int) tensor.count()];
        for (int i = 0; i < values.length; i++) {
            values[i] = switch (tensor.dtype()) {
                case F64 -> bytes.getDouble();
                case F32 -> bytes.getFloat();
                case BF16 -> Float.intBitsToFloat(bytes.getShort() << 16);
                case I64, I32, U8 -> throw new IllegalArgumentException("not floating: " + tensor);
            };
        }
        return values;
    }

    /** Overwrites the first elements, each rounded to the tensor's dtype. */
    public static Tensor write(Tensor tensor, double... values) {
        Tensor first = first(tensor, values.length);
        ByteBuffer bytes = host(first);
        for (double value : values) {
            switch (tensor.dtype()) {
                case F64 -> bytes.putDouble(value);
                case F32 -> bytes.putFloat((float) value);
                case BF16 -> bytes.putShort((short) (bits(value) >>> 16));
                case I64, I32, U8 -> throw new IllegalArgumentException("not floating: " + tensor);
            }
        }
        first.write(bytes.flip());
        return tensor;
    }

    /** Overwrites the first elements of an I32 tensor. */
    public static Tensor writeIds(Tensor tensor, int... ids) {
        Tensor first = first(tensor, ids.length);
        ByteBuffer bytes = host(first);
        bytes.asIntBuffer().put(ids);
        first.write(bytes);
        return tensor;
    }

    public static byte[] bits(Tensor tensor) {
        ByteBuffer bytes = host(tensor);
        tensor.read(bytes);
        return bytes.array();
    }

    /** @param bits as many as the tensor has */
    public static Tensor writeBits(Tensor tensor, byte[] bits) {
        tensor.write(ByteBuffer.wrap(bits));
        return tensor;
    }

    private static Tensor first(Tensor tensor, int count) {
        return tensor.view(Shape.of(tensor.count())).rows(0, count);
    }

    private static ByteBuffer host(Tensor tensor) {
        return ByteBuffer.allocate((int) tensor.byteSize()).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** The nearest value that {@code dtype} can hold. */
    public static double round(double value, DType dtype) {
        return switch (dtype) {
            case F32 -> (float) value;
            case BF16 -> Float.intBitsToFloat(bits(value) & 0xffff0000);
            case F64, I64, I32, U8 -> value;
        };
    }

    /** float32 bits whose upper half is the bfloat16: nearest, ties to even. */
    private static int bits(double value) {
        int bits = Float.floatToRawIntBits((float) value);
        return Double.isNaN(value) ? bits : bits + 0x7fff + (bits >>> 16 & 1);
    }
}
