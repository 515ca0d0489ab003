package tutti.coordinator.membership;

import java.util.List;
import tutti.coordinator.plan.Member;

/** Membership -> the run. */
public sealed interface MembershipEvent {

    /** One more worker is here; {@code present} of {@code expected}. */
    record Arrived(int present, int expected) implements MembershipEvent {}

    /** All workers are here and have their ranks. */
    record Formed(int generation, List<Member> members) implements MembershipEvent {}

    /** The rendezvous time is over. */
    record TooFew(int present, int expected, int seconds) implements MembershipEvent {}

    /** A worker of the generation is gone. */
    record Lost(Member member) implements MembershipEvent {}
}
