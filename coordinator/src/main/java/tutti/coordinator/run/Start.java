package tutti.coordinator.run;

import java.util.List;
import java.util.function.ToLongFunction;
import tutti.coordinator.plan.Member;

/**
 * What a generation begins with.
 *
 * @param resumeFrom a committed checkpoint, or empty: the model
 * @param stateFrom rank that has the state and gives it to all; -1: they read it
 * @param step that the state of that rank has behind it; where they read it, the first one to train, if the state is not later
 */
record Start(String resumeFrom, int stateFrom, long step) {

    /** With the last commit, or the model where that is empty; without the samples of the first so many steps, if it is of fewer. */
    static Start reading(String lastCommit, long leftOut) {
        return new Start(lastCommit, -1, leftOut);
    }

    /** @param read steps that the state has behind it which all ranks have read; -1 if they take another rank's */
    long firstStep(long read) {
        return Math.max(step, read);
    }

    /**
     * With the state of the lowest rank among those that are furthest; where nobody has any, with the last commit.
     *
     * @param completed steps that a member's state has behind it; -1 if it has none
     * @param lastCommit empty if there is none
     * @param leftOut steps that state must stand for: one behind fewer was read to go back with, by a generation that never began
     */
    static Start of(List<Member> members, ToLongFunction<Member> completed, String lastCommit, long leftOut) {
        long furthest = members.stream().mapToLong(completed).max().orElse(-1);
        return members.stream()
                .filter(member -> furthest >= leftOut && completed.applyAsLong(member) == furthest)
                .mapToInt(Member::rank)
                .min()
                .stream()
                .mapToObj(holder -> new Start("", holder, furthest))
                .findFirst()
                .orElseGet(() -> reading(lastCommit, leftOut));
    }
}
