/**
 * Collectives: sums of a buffer across all ranks that leave the same bits on every rank, their two halves (reduce-scatter and
 * all-gather), broadcasts, and a few numbers of every rank.
 *
 * <p>Start at {@link tutti.worker.allreduce.Collectives}, then {@link tutti.worker.allreduce.TreeAllReduce} (the queue, and the
 * thread that runs one collective after the other), {@code Algorithms} (the table of ways that one may travel), {@code
 * FramedExchange} (one of them, from first frame to last) and {@link tutti.worker.allreduce.SumTree} (the order of the additions).
 * The wire is behind {@link tutti.worker.allreduce.ChunkLink}: {@link tutti.worker.allreduce.InMemoryNetwork} for threads in one
 * process, the sub-package {@code aeron} between processes.
 *
 * <p>How a sum travels: the buffer is cut into W contiguous parts; every rank sends part j to rank j, its owner; the owner adds
 * what has arrived from everybody in the order of the tree and sends the result to everybody. Both halves run at once, chunk
 * by chunk. What bounds memory is that a receiver refuses a frame it has no room for, and the link holds back that sender.
 *
 * <p>What a frame is believed by is a {@code FrameSeal}: a checksum, or with {@code --secure_gradients} a signature.
 *
 * <p>Ranks of one node need no frames: {@code SharedExchange} has the same parts, owners and order of additions, in memory that all of
 * them map ({@link tutti.worker.allreduce.SharedSegments}); the link then carries last words only. What lies in {@link
 * tutti.worker.allreduce.SymmetricMemory}, as gradients do, is added where it is ({@code SymmetricExchange}). Over several nodes ({@link
 * tutti.worker.allreduce.Topology}) each node adds its ranks first, and one sum a node travels.
 *
 * <p>Frames may carry float32 as bfloat16 ({@code Bfloat16}), half the bytes; what is added is float32 all the same, and what ranks of a
 * node add among themselves is not rounded ({@link tutti.worker.allreduce.Collectives#allReduceSum}).
 *
 * <p>What collectives do is counted ({@link tutti.worker.allreduce.CollectiveCounts}), and the last of them are written down when one
 * fails ({@link tutti.worker.allreduce.FlightRecorder}).
 *
 * <p>Called by worker.train. Calls worker.tensor (DType, Addition), common.protocol (GradientKey) and common.error. Knows nothing of
 * models, buckets or actors, and does not start or own a media driver.
 */
package tutti.worker.allreduce;
