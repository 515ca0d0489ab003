package tutti.worker.tensor;

import java.nio.DoubleBuffer;
import java.nio.IntBuffer;

/** Picks table rows by token id. ids (N); table, dTable (V,C); out, dOut (N,C). */
final class Embedding {
    private Embedding() {}

    static void forward(DoubleBuffer out, DoubleBuffer table, IntBuffer ids, int C) {
        for (int n = 0; n < ids.capacity(); n++) {
            for (int c = 0; c < C; c++) {
                out.put(n * C + c, table.get(ids.get(n) * C + c));
            }
        }
    }

    /** Adds into dTable: an id may occur many times. */
    static void backward(DoubleBuffer dTable, IntBuffer ids, DoubleBuffer dOut, int C) {
        for (int n = 0; n < ids.capacity(); n++) {
            for (int c = 0; c < C; c++) {
                int at = ids.get(n) * C + c;
                dTable.put(at, dTable.get(at) + dOut.get(n * C + c));
            }
        }
    }
}
