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

    /** Without the samples of the first so many steps, unless a rank has state that stands for them. */
    Start behind(long leftOut) {
        return stateFrom >= 0 ? this : new Start(resumeFrom, stateFrom, Math.max(step, leftOut));
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
     */
    static Start of(List<Member> members, ToLongFunction<Member> completed, String lastCommit) {
        long furthest = members.stream().mapToLong(completed).max().orElse(-1);
        return members.stream()
                .filter(member -> furthest >= 0 && completed.applyAsLong(member) == furthest)
                .mapToInt(Member::rank)
                .min()
                .stream()
                .mapToObj(holder -> new Start("", holder, furthest))
                .findFirst()
                .orElseGet(() -> new Start(lastCommit, -1, 0));
    }
}
