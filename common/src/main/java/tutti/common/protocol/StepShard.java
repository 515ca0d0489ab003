package tutti.common.protocol;

/**
 * What one rank does in one step.
 *
 * @param step from 0
 * @param samples of each virtual rank of this rank, in their order: the numbers of its samples; none for some in an epoch's last batch
 * @param epoch passes over the data when the step is done
 */
public record StepShard(long step, int[][] samples, double epoch) {

    /**
     * The epoch that the step is in, from 0. The first step of an epoch is more than 1/2^31 of it, so this is exact below epoch 2^21.
     */
    public long inEpoch() {
        return (long) Math.ceil(epoch) - 1;
    }
}
