package tutti.worker.allreduce;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SumTreeTest {

    @ParameterizedTest
    @CsvSource({"1,0", "2,(0+1)", "3,((0+1)+2)", "4,((0+1)+(2+3))", "5,(((0+1)+(2+3))+4)", "6,(((0+1)+(2+3))+(4+5))"})
    void shouldSplitAsDocumented(int n, String tree) {
        assertThat(spell(0, n)).isEqualTo(tree);
    }

    private static String spell(int first, int n) {
        if (n == 1) {
            return Integer.toString(first);
        }
        int left = SumTree.split(n);
        return "(" + spell(first, left) + "+" + spell(first + left, n - left) + ")";
    }

    @Test
    void shouldAddInTheOrderOfTheTreeAndNotFromLeftToRight() {
        // In float32, 1 disappears beside 2^25, and -2^25 brings back what is left: the order shows.
        float big = 1 << 25;
        assertThat(sum(1, 1, big, -big)).isEqualTo(2);
        assertThat(((1f + 1f) + big) + -big).isNotEqualTo(2f + 0.5f);
        assertThat(sum(1, big, 1, -big)).isEqualTo((1 + big) + (1 - big)).isZero();
    }

    /** In every lane that can keep the sum. */
    private static float sum(float... values) {
        int[] ones = new int[values.length];
        Arrays.fill(ones, 1);
        float[] sums = new float[values.length];
        for (int keep = 0; keep < values.length; keep++) {
            float[] lanes = values.clone();
            for (SumTree.Step step : SumTree.steps(ones, keep)) {
                lanes[step.into()] += lanes[step.from()];
            }
            sums[keep] = lanes[keep];
        }
        assertThat(sums).containsOnly(sums[0]);
        return sums[0];
    }

    @Test
    void shouldGiveTheSameBitsWhenANodeSumsItsBlockFirst() {
        double[] values = IntStream.range(0, 7)
                .mapToDouble(i -> Math.scalb(1.0 / (i + 3), 7 * i % 20))
                .toArray();
        double[] nodes = {values[0] + values[1], values[2] + values[3], values[4] + values[5], values[6]};
        assertThat(total(nodes, 2, 2, 2, 1)).isEqualTo(total(values, 1, 1, 1, 1, 1, 1, 1));
        double[] uneven = {(values[0] + values[1]) + (values[2] + values[3]), values[4], values[5], values[6]};
        assertThat(total(uneven, 4, 1, 1, 1)).isEqualTo(total(values, 1, 1, 1, 1, 1, 1, 1));
    }

    private static double total(double[] values, int... sizes) {
        double[] lanes = values.clone();
        SumTree.steps(sizes, 0).forEach(step -> lanes[step.into()] += lanes[step.from()]);
        return lanes[0];
    }

    @ParameterizedTest
    @CsvSource({
        "6,0,4,true",
        "6,4,2,true",
        "6,2,2,true",
        "6,1,2,false",
        "6,0,3,false",
        "5,4,1,true",
        "5,3,2,false",
        "3,0,3,true"
    })
    void shouldKnowItsSubtrees(int ranks, int first, int size, boolean subtree) {
        assertThat(SumTree.isSubtree(ranks, first, size)).isEqualTo(subtree);
    }
}
