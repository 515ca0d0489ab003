package tutti.worker.tensor.torch;

import static org.bytedeco.openblas.global.openblas_nolapack.cblas_daxpy;
import static org.bytedeco.openblas.global.openblas_nolapack.cblas_saxpy;

import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import tutti.worker.tensor.Addition;
import tutti.worker.tensor.DType;

/**
 * Vector code of the libraries: Java's own loop stays scalar in a process that compiles with C1 alone. Sums are OpenBLAS' {@code y +=
 * 1 x}, whose product is exact and whose call costs a hundredth of libtorch's.
 */
public final class TorchAddition implements Addition {
    /** Elements of one call: the library takes no second thread for so few. */
    private static final int SERIAL = 1 << 13;

    private final Floats floats = new Floats();
    private final Floats otherFloats = new Floats();
    private final Doubles doubles = new Doubles();
    private final Doubles otherDoubles = new Doubles();

    public TorchAddition() {
        // Loads the library, or says why it does not load.
        TorchKernels.scoped(() -> {});
    }

    @Override
    public void add(long into, long other, int count, DType dtype) {
        for (int from = 0; from < count; from += SERIAL) {
            int some = Math.min(SERIAL, count - from);
            long at = (long) from * dtype.bytes();
            if (dtype == DType.F64) {
                cblas_daxpy(some, 1, otherDoubles.at(other + at), 1, doubles.at(into + at), 1);
            } else {
                cblas_saxpy(some, 1, otherFloats.at(other + at), 1, floats.at(into + at), 1);
            }
        }
    }

    /** JavaCPP takes a raw address only through a subclass. Owns nothing, and is moved from call to call. */
    private static final class Floats extends FloatPointer {
        Floats() {
            super((Pointer) null);
        }

        Floats at(long place) {
            address = place;
            return this;
        }
    }

    private static final class Doubles extends DoublePointer {
        Doubles() {
            super((Pointer) null);
        }

        Doubles at(long place) {
            address = place;
            return this;
        }
    }
}
