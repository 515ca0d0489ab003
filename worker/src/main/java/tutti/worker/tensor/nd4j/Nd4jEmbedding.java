package tutti.worker.tensor.nd4j;

import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Adds rows into a table in the order of the rows, whatever the number of threads. dTable (V,C), dOut (N,C), float32. */
final class Nd4jEmbedding {
    private Nd4jEmbedding() {}

    /**
     * Round r adds every id's r-th row: within a round all ids differ, so that the order of its additions cannot matter, and an id's
     * rows are added one round after the other.
     */
    static void backward(Call call, long dTable, IntBuffer ids, long dOut, long N, long V, long C) {
        for (List<Integer> round : rounds(ids)) {
            int n = round.size();
            int[] rows = round.stream().mapToInt(Integer::intValue).toArray();
            int[] picked = round.stream().mapToInt(ids::get).toArray();
            try (Call inner = call.inner()) {
                INDArray table = inner.matrix(dTable, V, C);
                INDArray places = inner.index(picked);
                INDArray sum = inner.matrix(inner.temporary(n * C), n, C);
                INDArray added = inner.matrix(inner.temporary(n * C), n, C);
                Ops.gather(sum, table, places);
                Ops.gather(added, inner.matrix(dOut, N, C), inner.index(rows));
                Ops.add(sum, sum, added);
                Ops.scatter(table, places, sum);
            }
        }
    }

    /** Row numbers by how often their id has occurred before. */
    private static List<List<Integer>> rounds(IntBuffer ids) {
        List<List<Integer>> rounds = new ArrayList<>();
        Map<Integer, Integer> seen = new HashMap<>();
        for (int n = 0; n < ids.capacity(); n++) {
            int round = seen.merge(ids.get(n), 1, Integer::sum) - 1;
            if (round == rounds.size()) {
                rounds.add(new ArrayList<>());
            }
            rounds.get(round).add(n);
        }
        return rounds;
    }
}
