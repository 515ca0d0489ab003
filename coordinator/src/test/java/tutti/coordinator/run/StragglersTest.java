package tutti.coordinator.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class StragglersTest {
    private final List<Stragglers.Straggler> found = new ArrayList<>();

    @Test
    void shouldNameTheSlowRankOnceUntilItHasCaughtUp() {
        Stragglers stragglers = new Stragglers(3);
        train(stragglers, 20, 100, 102, 160);
        assertThat(found).containsExactly(new Stragglers.Straggler(2, 160, 100));
        assertThat(found.get(0).describe())
                .isEqualTo("rank 2 computes 160 ms a step, the others 100 ms: all wait for it");
        train(stragglers, 20, 100, 102, 160);
        assertThat(found).hasSize(1);
        train(stragglers, 20, 100, 102, 103);
        train(stragglers, 20, 100, 102, 160);
        assertThat(found).hasSize(2);
    }

    @Test
    void shouldSayNothingOfASingleSlowStepOfLikeRanksAndOfOneRank() {
        Stragglers stragglers = new Stragglers(2);
        train(stragglers, 19, 100, 100);
        train(stragglers, 1, 100, 5000);
        train(stragglers, 200, 100, 140);
        train(new Stragglers(1), 100, 100);
        assertThat(found).isEmpty();
    }

    @Test
    void shouldCompareWithTheOtherRankWhereThereAreTwo() {
        train(new Stragglers(2), 20, 100, 151);
        assertThat(found).containsExactly(new Stragglers.Straggler(1, 151, 100));
    }

    private void train(Stragglers stragglers, int steps, double... millis) {
        for (int step = 0; step < steps; step++) {
            for (int rank = 0; rank < millis.length; rank++) {
                found.addAll(stragglers.add(rank, millis[rank]));
            }
        }
    }
}
