package tutti.worker.allreduce;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Optional;
import tutti.worker.tensor.DType;

/**
 * Collectives of one rank in one generation. All ranks must start the same collectives in the same order; a rank that does
 * not is found by a fingerprint of name, type and length in every frame.
 *
 * <p>After the first failure every pending and every later collective fails with the same cause: the ranks no longer agree on
 * what has been sent. Close it and build the next generation. Safe for use by several threads, though an agreed order usually
 * means one.
 */
public interface Collectives extends AutoCloseable {
    int rank();

    int worldSize();

    /**
     * Starts summing {@code data} in place across ranks and returns at once; collectives run one after the other in the order
     * they were started, and any number may be pending. The same bits on every rank and in every repetition, whatever the
     * timing and the way. With one rank nothing is touched; an empty buffer is done at once and waits for nobody.
     *
     * <p>Where BF16 travels for F32, a node adds its ranks in float32 and rounds that sum once; the owner of an element adds the rounded
     * sums of all nodes, its own among them, in float32 in the order of the tree, and rounds once more. What all ranks get, the owner too,
     * is that. So the bits depend on which ranks share a node, as those of {@code wire == dtype} do not, and on nothing else: not on the
     * length, on who owns what, or on the half of an all-reduce. Where the ranks of some node are no subtree of {@link SumTree}, every
     * rank counts as a node. On one node nothing is rounded.
     *
     * @param data direct; its bytes from position to limit are little-endian elements, whatever its byte order is set to. Owned
     *     by the caller, but not to be read or written until {@link Pending#await} returns (after a failure: until {@link
     *     #close} returns). Its content after a failure is undefined.
     * @param dtype F32 or F64; or BF16, which is added in float32 and rounded once
     * @param wire what travels between nodes: {@code dtype}, or BF16 for F32
     */
    Pending allReduceSum(String name, ByteBuffer data, DType dtype, DType wire);

    /** As above; all bits travel. */
    default Pending allReduceSum(String name, ByteBuffer data, DType dtype) {
        return allReduceSum(name, data, dtype, dtype);
    }

    /** {@link #allReduceSum} and its {@link Pending#await}; quicker, since no other thread takes part where nothing else runs. */
    default void allReduceSumAndWait(String name, ByteBuffer data, DType dtype, DType wire) {
        allReduceSum(name, data, dtype, wire).await();
    }

    /** As above; all bits travel. */
    default void allReduceSumAndWait(String name, ByteBuffer data, DType dtype) {
        allReduceSumAndWait(name, data, dtype, dtype);
    }

    /** As {@link #allReduceSum}, but only this rank's part of {@code data} gets its sums; the rest is undefined when it is done. */
    Pending reduceScatterSum(String name, ByteBuffer data, DType dtype, DType wire, Partition partition);

    /** As above; all bits travel. */
    default Pending reduceScatterSum(String name, ByteBuffer data, DType dtype, Partition partition) {
        return reduceScatterSum(name, data, dtype, dtype, partition);
    }

    /**
     * Starts copying every rank's part of {@code data} to all ranks.
     *
     * @param data as in {@link #allReduceSum}; this rank's part is filled
     * @param dtype any: elements are only counted
     */
    Pending allGather(String name, ByteBuffer data, DType dtype, Partition partition);

    /** {@link #allGather} and its {@link Pending#await}, as {@link #allReduceSumAndWait}. */
    default void allGatherAndWait(String name, ByteBuffer data, DType dtype, Partition partition) {
        allGather(name, data, dtype, partition).await();
    }

    /**
     * As above, for ranks that do other things between two of these, such as writing to a disk.
     *
     * @param patience longest time without progress, where there is a limit to it
     */
    default void allGatherAndWait(String name, ByteBuffer data, DType dtype, Partition partition, Duration patience) {
        allGatherAndWait(name, data, dtype, partition);
    }

    /** Starts copying all of {@code data} from rank {@code root} to all others; as {@link #allGather}. */
    Pending broadcast(String name, ByteBuffer data, DType dtype, int root);

    /**
     * Every rank's {@code values} in rank order; blocks. For small messages: each rank sends all its values to each other.
     *
     * @param values the same length on every rank
     * @throws tutti.common.error.TuttiException PEER as in {@link Pending#await}
     */
    long[][] allGather(String name, long[] values);

    /** Returns when every rank has called it; blocks and fails like {@link #allGather}. */
    void barrier(String name);

    /**
     * As many bytes of every rank as ranks of one node can reach at each other: sums of what lies at the same place in it on all ranks take
     * no copies. Blocks; all ranks call it with the same number, once.
     *
     * @return the caller's, to be closed after this; empty where no rank shares memory with this one, or not so much
     */
    default Optional<SymmetricMemory> symmetricMemory(long bytes) {
        return Optional.empty();
    }

    /** What has been counted so far; complete for every collective that somebody has waited for. Any thread may ask. */
    CollectiveCounts counts();

    /**
     * Stops the communication thread and closes the link. Collectives still pending fail with PEER, so this is also how
     * another thread aborts one. When it returns no buffer is touched any more.
     */
    @Override
    void close();
}
