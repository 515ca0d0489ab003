package tutti.coordinator.run;

import akka.actor.typed.ActorRef;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import tutti.common.protocol.WorkerCommand;
import tutti.common.protocol.WorkerReport.Holding;
import tutti.coordinator.membership.MembershipEvent;
import tutti.coordinator.plan.Member;

/** Between two generations: who is left of the old one and what it holds, and the new one when it is formed. */
final class Regroup {
    private final int rolledBackIn;
    private final Optional<Training> training;
    private final Set<ActorRef<WorkerCommand>> survivors;
    /** Of all members of the generation that ended. */
    private final Map<ActorRef<WorkerCommand>, Integer> nodes;

    private final Map<ActorRef<WorkerCommand>, Long> held = new HashMap<>();
    private final Map<ActorRef<WorkerCommand>, Holding> answered = new HashMap<>();
    private final Set<Integer> letGo = new HashSet<>();
    private boolean losses;
    private boolean renewed;
    private boolean rollsBack;
    private boolean resizes;
    private boolean broke;
    private Optional<MembershipEvent.Formed> formed = Optional.empty();

    /**
     * @param rolledBackIn the last generation in which all were rolled back; 0: none
     * @param members of the generation that ended
     * @param training that ended; empty where it had not begun
     */
    Regroup(int rolledBackIn, List<Member> members, Optional<Training> training) {
        this.rolledBackIn = rolledBackIn;
        this.training = training;
        this.nodes = members.stream()
                .collect(Collectors.toMap(
                        Member::commands, member -> member.join().nodeRank()));
        this.survivors = new HashSet<>(nodes.keySet());
    }

    Optional<Training> training() {
        return training;
    }

    Set<ActorRef<WorkerCommand>> survivors() {
        return Collections.unmodifiableSet(survivors);
    }

    /** One of the old generation, or of the new one before it began. */
    void lost(Member member) {
        losses = true;
        survivors.remove(member.commands());
        held.remove(member.commands());
        formed = Optional.empty();
    }

    /** @param completed steps that its state has behind it; -1 if it has none */
    void held(Member member, long completed) {
        if (survivors.contains(member.commands())) {
            held.put(member.commands(), completed);
        }
    }

    /** Its actor lives, whatever its training thread still computes. */
    void answered(Member member, Holding holding) {
        answered.put(member.commands(), holding);
    }

    /** One of the old generation that has not answered, and is not known to be lost. */
    boolean isSilent(Member member) {
        return survivors.contains(member.commands()) && !answered.containsKey(member.commands()) && !hasHeld(member);
    }

    /** @return what it said if its actor has answered, but its training thread has stood still for so long and still does */
    Optional<Holding> stuck(Member member, long millis) {
        return survivors.contains(member.commands()) && !hasHeld(member)
                ? Optional.ofNullable(answered.get(member.commands()))
                        .filter(holding -> holding.stillMillis() >= millis)
                : Optional.empty();
    }

    private boolean hasHeld(Member member) {
        return held.containsKey(member.commands());
    }

    /** Was anybody lost, or did somebody only fail to reach another? */
    boolean hasLosses() {
        return losses;
    }

    /** All are to go back to the last commit, whatever they hold. */
    Regroup rollBack() {
        rollsBack = true;
        return this;
    }

    /** Others are here than were in the generation, and take part in the next one. */
    Regroup resize() {
        resizes = true;
        return this;
    }

    /** None of them was lost and none hangs: they are to try again. */
    void broke() {
        broke = true;
    }

    /** Should a new generation be asked for? Once; and not where one is formed anyway, with those that come for the lost. */
    boolean renew() {
        boolean ask = (rollsBack || resizes || broke) && !renewed && !losses;
        renewed |= ask;
        return ask;
    }

    /** Nodes are sent away now, once: whatever comes of them next may stay. */
    Set<Integer> letGo(Set<Integer> departing) {
        Set<Integer> now = new HashSet<>(departing);
        now.removeAll(letGo);
        letGo.addAll(now);
        return now;
    }

    boolean hasLetGo(int node) {
        return letGo.contains(node);
    }

    /** May nodes that are to make room leave while others are waited for? Not where they alone hold the last step. */
    boolean canDoWithout(Set<Integer> departing) {
        if (letGo.containsAll(departing) || !losses || !allHeld() || formed.isPresent()) {
            return false;
        }
        long others = held.entrySet().stream()
                .filter(one -> !departing.contains(nodes.get(one.getKey())))
                .mapToLong(Map.Entry::getValue)
                .max()
                .orElse(-1);
        return held.values().stream().allMatch(completed -> completed <= others);
    }

    boolean rollsBack() {
        return rollsBack;
    }

    boolean allHeld() {
        return held.keySet().containsAll(survivors);
    }

    void formed(MembershipEvent.Formed event) {
        formed = Optional.of(event);
        List<ActorRef<WorkerCommand>> here =
                event.members().stream().map(Member::commands).toList();
        survivors.retainAll(here);
        held.keySet().retainAll(here);
    }

    Optional<MembershipEvent.Formed> formed() {
        return formed;
    }

    /**
     * @param members of the new generation
     * @param lastCommit empty if there is none
     * @param sharded no member of theirs will have whole state to give
     * @param leftOut steps that the last rollback left out, and all before them
     */
    Start start(List<Member> members, String lastCommit, boolean sharded, long leftOut) {
        if (rollsBack || sharded) {
            return Start.reading(lastCommit, leftOut);
        }
        // One that was cut off and is back has said it when it joined.
        return Start.of(
                members,
                member -> held.getOrDefault(member.commands(), member.heldSince(rolledBackIn)),
                lastCommit,
                leftOut);
    }
}
