package tutti.worker.gradient;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.worker.allreduce.SumTree;
import tutti.worker.model.GradientListener;
import tutti.worker.model.ParameterSpec;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.ReferenceKernels;
import tutti.worker.tensor.Shape;
import tutti.worker.tune.FlatLayout;
import tutti.worker.tune.GradientLayout;
import tutti.worker.tune.Gradients;

class PartialSumsTest {
    private static final int PARTS = 3;
    /** Three parts of 64, 128 and 32 elements. */
    private final FlatLayout layout = new FlatLayout(List.of(
            new ParameterSpec("embedding", Shape.of(8, 8), 0),
            new ParameterSpec("block", Shape.of(16, 8), 1),
            new ParameterSpec("head", Shape.of(4, 8), 2)));

    private final Kernels kernels = new ReferenceKernels();
    private final Arena arena = kernels.arena("test", 1 << 16);
    private final Gradients gradients = new Gradients(GradientLayout.whole(layout), DType.F64, arena, arena);
    private final SplittableRandom random = new SplittableRandom(7);

    @ParameterizedTest(name = "{0} virtual ranks")
    @ValueSource(ints = {1, 2, 4, 8, 16})
    void shouldAddInTheOrderOfTheTree(int virtualRanks) {
        PartialSums sums = sums(virtualRanks);
        boolean orderMatters = false;
        for (int step = 0; step < 2; step++) {
            double[][] values = new double[virtualRanks][];
            for (int number = 0; number < virtualRanks; number++) {
                values[number] = random.doubles(layout.size(), -1, 1).toArray();
                backward(values[number], sums.ofVirtualRank(number, GradientListener.NONE));
            }
            for (int i = 0; i < layout.size(); i++) {
                assertThat(written(i)).as("element %d", i).isEqualTo(tree(values, 0, virtualRanks, i));
                orderMatters |= written(i) != inARow(values, i);
            }
        }
        assertThat(orderMatters).as("another order would give other bits").isEqualTo(virtualRanks > 2);
    }

    @Test
    void shouldHandOnAPartOfTheLastOneWhenTheSumsThatWaitAreInIt() {
        PartialSums sums = sums(2);
        List<Double> heard = new ArrayList<>();
        GradientListener worker = part -> {
            for (long i = layout.partStart(part); i < layout.partEnd(part); i++) {
                heard.add(written((int) i));
            }
        };
        double[] ones = new double[(int) layout.size()];
        Arrays.fill(ones, 1);
        backward(ones, sums.ofVirtualRank(0, worker));
        assertThat(heard).as("before the last virtual rank").isEmpty();
        backward(ones, sums.ofVirtualRank(1, worker));
        assertThat(heard).hasSize((int) layout.size()).containsOnly(2.0);
    }

    @Test
    void shouldTakeNoMemoryForOneVirtualRankAndOneSumForEachDoubling() {
        for (int doublings = 0; doublings <= 3; doublings++) {
            long before = arena.used();
            sums(1 << doublings);
            assertThat(arena.used() - before).isEqualTo(doublings * layout.size() * Double.BYTES);
        }
    }

    private PartialSums sums(int virtualRanks) {
        return new PartialSums(layout, gradients, kernels, virtualRanks, arena);
    }

    /** Writes gradients as backward does, last part first. */
    private void backward(double[] values, GradientListener listener) {
        for (int part = PARTS - 1; part >= 0; part--) {
            listener.begins(part);
            for (long i = layout.partStart(part); i < layout.partEnd(part); i++) {
                gradients.written().bytes().putDouble((int) i * Double.BYTES, values[(int) i]);
            }
            listener.ready(part);
        }
    }

    private double written(int i) {
        return gradients.written().bytes().getDouble(i * Double.BYTES);
    }

    private static double tree(double[][] values, int first, int count, int i) {
        if (count == 1) {
            return values[first][i];
        }
        int left = SumTree.split(count);
        return tree(values, first, left, i) + tree(values, first + left, count - left, i);
    }

    private static double inARow(double[][] values, int i) {
        double sum = 0;
        for (double[] one : values) {
            sum += one[i];
        }
        return sum;
    }
}
