/**
 * The wire between worker processes: a {@link tutti.worker.allreduce.ChunkLink} over Aeron, IPC inside a node and UDP between
 * nodes.
 *
 * <p>Start at {@link tutti.worker.allreduce.aeron.AeronLink}; {@link tutti.worker.allreduce.aeron.AeronChannels} writes the
 * channel strings and says what they cost on /dev/shm. Called by worker.agent: GradientCollectives opens the link,
 * GradientAddress chooses its channels. Needs a running media driver and never starts one. Knows nothing of what is in a
 * frame. Open-source Aeron does not encrypt: bind to a private interface.
 */
package tutti.worker.allreduce.aeron;
