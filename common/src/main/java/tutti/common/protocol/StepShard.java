package tutti.common.protocol;

/**
 * What one rank does in one step.
 *
 * @param step from 0
 * @param samples numbers of the samples of this rank, in order; may be empty in an epoch's last batch
 * @param epoch passes over the data when the step is done
 */
public record StepShard(long step, int[] samples, double epoch) {}
