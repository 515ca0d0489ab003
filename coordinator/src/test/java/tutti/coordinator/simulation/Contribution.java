package tutti.coordinator.simulation;

import java.util.List;

/**
 * What one rank puts into a collective of its generation: to step {@code step}, or to the hand-over of the state before its first.
 *
 * @param coordinator that formed the generation
 * @param index of the collective in its generation; 0: the hand-over
 * @param completed steps that this rank's state has behind it; -1: it has none
 * @param state all that was trained so far, as one number
 * @param samples of this rank in that step
 */
record Contribution(
        int rank,
        int generation,
        String coordinator,
        long index,
        long step,
        long completed,
        long state,
        List<Integer> samples) {}
