package tutti.worker.allreduce;

import static org.assertj.core.api.Assertions.assertThat;

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
        float[][] lanes = {{9, 1}, {9, 1}, {9, big}, {9, -big}};
        SumTree.sum(lanes, 0, 4, 1, 1);
        assertThat(lanes[0]).containsExactly(9, 2);
        assertThat(((1f + 1f) + big) + -big).isNotEqualTo(2f + 0.5f);
        float[][] other = {{1}, {big}, {1}, {-big}};
        SumTree.sum(other, 0, 4, 0, 1);
        assertThat(other[0][0]).isEqualTo((1 + big) + (1 - big)).isZero();
    }

    @Test
    void shouldGiveTheSameBitsWhenARankSumsAnAlignedBlockFirst() {
        double[][] eight = new double[8][1];
        double[][] four = new double[4][1];
        for (int i = 0; i < 8; i++) {
            eight[i][0] = Math.scalb(1.0 / (i + 3), 7 * i % 20);
        }
        for (int i = 0; i < 4; i++) {
            four[i][0] = eight[2 * i][0] + eight[2 * i + 1][0];
        }
        SumTree.sum(eight, 0, 8, 0, 1);
        SumTree.sum(four, 0, 4, 0, 1);
        assertThat(four[0][0]).isEqualTo(eight[0][0]);
    }
}
