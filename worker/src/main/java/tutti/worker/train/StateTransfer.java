package tutti.worker.train;

import java.nio.ByteBuffer;
import java.util.List;
import tutti.worker.allreduce.Collectives;
import tutti.worker.gradient.BucketPlan;
import tutti.worker.optim.AdamW;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.Tensor;
import tutti.worker.tune.Replica;
import tutti.worker.tune.ShardLayout.Segment;

/**
 * Master weights and moments from one rank to all others, a bucket at a time, as the bits that they are. Only where every rank has all
 * of them.
 */
record StateTransfer(Kernels kernels, Replica replica, AdamW optimizer, BucketPlan buckets, Collectives collectives) {

    /**
     * All ranks call it.
     *
     * @throws tutti.common.error.TuttiException (peer) if a rank is lost; what others have taken is then of two states
     */
    void from(int source) {
        for (BucketPlan.Bucket bucket : buckets.ascending()) {
            Segment segment = new Segment(bucket.start(), bucket.count(), bucket.start());
            for (Tensor state :
                    List.of(replica.master(segment), optimizer.firstMoment(segment), optimizer.secondMoment(segment))) {
                send(state, source);
            }
        }
        optimizer.resume(collectives.allGather("updates", new long[] {optimizer.updates()})[source][0]);
        replica.refreshCompute();
    }

    private void send(Tensor state, int source) {
        if (state.onHost()) {
            collectives.broadcast("state", state.bytes(), state.dtype(), source).await();
            return;
        }
        ByteBuffer passing = ByteBuffer.allocateDirect(Math.toIntExact(state.byteSize()));
        if (collectives.rank() == source) {
            state.read(passing);
            passing.flip();
        }
        collectives.broadcast("state", passing, state.dtype(), source).await();
        if (collectives.rank() != source) {
            state.write(passing);
        }
    }
}
