package tutti.common.protocol;

/**
 * What one rank does in one step.
 *
 * @param step from 0
 * @param samples of each virtual rank of this rank, in their order: the numbers of its samples; none for some in an epoch's last batch
 * @param epoch passes over the data when the step is done
 */
public record StepShard(long step, int[][] samples, double epoch) {}
