package tutti.worker.tensor;

import java.util.Arrays;
import java.util.List;

/** Sizes of a dense row-major tensor, outermost first. Immutable; the product fits a long or the constructor throws. */
public final class Shape {
    private final long[] sizes;
    private final long count;

    private Shape(long[] sizes) {
        this.sizes = sizes;
        long product = 1;
        for (long size : sizes) {
            if (size < 0) {
                throw new IllegalArgumentException("shape " + Arrays.toString(sizes) + " has a negative size");
            }
            product = Math.multiplyExact(product, size);
        }
        this.count = product;
    }

    public static Shape of(long... sizes) {
        return new Shape(sizes.clone());
    }

    /** Number of dimensions. */
    public int rank() {
        return sizes.length;
    }

    public long size(int dimension) {
        return sizes[dimension];
    }

    /** Number of elements. */
    public long count() {
        return count;
    }

    public long[] toArray() {
        return sizes.clone();
    }

    public List<Long> toList() {
        return Arrays.stream(sizes).boxed().toList();
    }

    /** The same shape with another first size: what a view of some rows has. */
    public Shape withRows(long rows) {
        long[] other = sizes.clone();
        other[0] = rows;
        return new Shape(other);
    }

    @Override
    public boolean equals(Object o) {
        return o instanceof Shape other && Arrays.equals(sizes, other.sizes);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(sizes);
    }

    @Override
    public String toString() {
        return Arrays.toString(sizes);
    }
}
