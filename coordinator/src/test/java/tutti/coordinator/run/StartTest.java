package tutti.coordinator.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import tutti.common.protocol.Join;
import tutti.coordinator.plan.Member;

class StartTest {
    private static final List<Member> MEMBERS = List.of(member(0), member(1), member(2));

    @Test
    void shouldTakeTheStateOfTheLowestRankThatIsFurthest() {
        assertThat(start(0, 4, 8, 8)).isEqualTo(new Start("", 1, 8));
        assertThat(start(0, 0, -1, 0)).isEqualTo(new Start("", 0, 0));
        assertThat(start(0, -1, -1, -1)).isEqualTo(new Start("checkpoint-4", -1, 0));
    }

    /** A coordinator was killed when all had read what they were to go back to, and nobody had begun. */
    @Test
    void shouldTakeNoStateThatWasReadToGoBackWith() {
        assertThat(start(9, 4, 4, 4)).isEqualTo(new Start("checkpoint-4", -1, 9));
        assertThat(start(9, 4, 9, 4)).isEqualTo(new Start("", 1, 9));
    }

    private static Start start(long leftOut, long... held) {
        return Start.of(MEMBERS, member -> held[member.rank()], "checkpoint-4", leftOut);
    }

    private static Member member(int rank) {
        return new Member(rank, new Join("0123456789abcdef", rank, 0, "host", 100, "cpu", "", 0, -1, null));
    }
}
