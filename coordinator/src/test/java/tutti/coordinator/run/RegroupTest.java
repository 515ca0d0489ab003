package tutti.coordinator.run;

import static org.assertj.core.api.Assertions.assertThat;

import akka.actor.testkit.typed.javadsl.TestInbox;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import tutti.common.protocol.Join;
import tutti.common.protocol.WorkerCommand;
import tutti.coordinator.membership.MembershipEvent;
import tutti.coordinator.plan.Member;

/** Three nodes of one worker each; node 2 is lost. */
class RegroupTest {
    private final List<Member> members =
            Member.rank(IntStream.range(0, 3).mapToObj(RegroupTest::join).toList());
    private final Regroup regroup = new Regroup(0, members, Optional.empty());

    @Test
    void shouldDoWithoutANodeWhoseStateOthersHold() {
        regroup.lost(members.get(2));
        regroup.held(members.get(0), 7);
        assertThat(regroup.canDoWithout(Set.of(1)))
                .as("it has not said what it holds")
                .isFalse();
        regroup.held(members.get(1), 7);
        assertThat(regroup.canDoWithout(Set.of(1))).isTrue();
        assertThat(regroup.canDoWithout(Set.of())).isFalse();
    }

    @Test
    void shouldKeepANodeThatAloneHoldsTheLastStep() {
        regroup.lost(members.get(2));
        regroup.held(members.get(0), 6);
        regroup.held(members.get(1), 7);
        assertThat(regroup.canDoWithout(Set.of(1))).isFalse();
        assertThat(regroup.canDoWithout(Set.of(0))).isTrue();
    }

    @Test
    void shouldDoWithoutANodeWhereNobodyHoldsAnything() {
        regroup.lost(members.get(2));
        regroup.held(members.get(0), -1);
        regroup.held(members.get(1), -1);
        assertThat(regroup.canDoWithout(Set.of(1))).isTrue();
    }

    @Test
    void shouldSendANodeAwayOnceAndNotItsNextProcesses() {
        regroup.lost(members.get(2));
        regroup.held(members.get(0), 7);
        regroup.held(members.get(1), 7);
        assertThat(regroup.letGo(Set.of(1))).containsExactly(1);
        assertThat(regroup.canDoWithout(Set.of(1))).isFalse();
        assertThat(regroup.letGo(Set.of(1))).isEmpty();
        assertThat(regroup.hasLetGo(1)).isTrue();
        assertThat(regroup.hasLetGo(0)).isFalse();
    }

    @Test
    void shouldKeepAllThatTheNextGenerationIsFormedOf() {
        regroup.lost(members.get(2));
        regroup.held(members.get(0), 7);
        regroup.held(members.get(1), 7);
        regroup.formed(new MembershipEvent.Formed(2, members.subList(0, 2), Set.of(0, 1)));
        assertThat(regroup.canDoWithout(Set.of(1))).isFalse();
    }

    private static Join join(int seat) {
        TestInbox<WorkerCommand> worker = TestInbox.create("worker-" + seat);
        return new Join("r", seat, seat, "host", 1, "cpu", "address", 1, 0, worker.getRef());
    }
}
