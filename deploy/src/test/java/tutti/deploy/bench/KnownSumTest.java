package tutti.deploy.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;
import tutti.common.config.AllReduceConfig.ReduceDType;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

class KnownSumTest {
    private static final int COUNT = 1000;

    @Test
    void shouldTakeTheSumOverAllRanks() {
        assertThatCode(() -> new KnownSum(1, 3, ReduceDType.FLOAT32).check(sum(3)))
                .doesNotThrowAnyException();
    }

    @Test
    void shouldBeExactForTheMostRanks() {
        ByteBuffer sum = sum(KnownSum.MOST_RANKS);
        assertThatCode(() -> new KnownSum(0, KnownSum.MOST_RANKS, ReduceDType.FLOAT32).check(sum))
                .doesNotThrowAnyException();
        sum.putFloat(4 * 250, Math.nextUp(sum.getFloat(4 * 250)));
        assertWrong(KnownSum.MOST_RANKS, sum, "element 250 ");
    }

    @Test
    void shouldNameTheFirstWrongElement() {
        ByteBuffer sum = sum(3);
        sum.putFloat(4 * 700, 0);
        sum.putFloat(4 * 600, 5);
        assertWrong(3, sum, "bytes=4000", "rank 1", "element 600 is 5.0, the sum over 3 ranks is 594.0");
    }

    @Test
    void shouldNotTakeOneRanksOwnNumbersNorChunksInAnotherPlace() {
        assertWrong(3, contribution(1), "element 0 ");
        ByteBuffer sum = sum(3);
        for (int i = 0; i < 64; i++) {
            sum.putFloat(4 * (512 + i), sum.getFloat(4 * (256 + i)));
        }
        assertWrong(3, sum, "element 512 ");
    }

    /** From 256 to 512 every other whole number is a bfloat16: 261 and 267 are ties, and go to those with an even half. */
    @Test
    void shouldTakeTheRoundedSumWhereBfloat16Travels() {
        ByteBuffer sum = sum(2);
        KnownSum known = new KnownSum(1, 2, ReduceDType.BFLOAT16);
        assertThatThrownBy(() -> known.check(sum))
                .hasMessageContaining("element 86 is 261.0, the sum over 2 ranks is 260.0");
        sum.putFloat(4 * 86, 260);
        assertThatThrownBy(() -> known.check(sum))
                .hasMessageContaining("element 88 is 267.0, the sum over 2 ranks is 268.0");
    }

    private static void assertWrong(int ranks, ByteBuffer data, String... words) {
        assertThatThrownBy(() -> new KnownSum(1, ranks, ReduceDType.FLOAT32).check(data))
                .isInstanceOfSatisfying(
                        TuttiException.class, e -> assertThat(e.category()).isEqualTo(Category.BUG))
                .message()
                .contains(words);
    }

    private static ByteBuffer sum(int ranks) {
        ByteBuffer sum = contribution(0);
        for (int rank = 1; rank < ranks; rank++) {
            ByteBuffer next = contribution(rank);
            for (int i = 0; i < 4 * COUNT; i += 4) {
                sum.putFloat(i, sum.getFloat(i) + next.getFloat(i));
            }
        }
        return sum;
    }

    private static ByteBuffer contribution(int rank) {
        ByteBuffer data = ByteBuffer.allocate(4 * COUNT).order(ByteOrder.LITTLE_ENDIAN);
        new KnownSum(rank, rank + 1, ReduceDType.FLOAT32).fill(data);
        return data;
    }
}
