/**
 * What coordinator and workers say to each other: small sealed messages over Akka Artery, serialized as Jackson CBOR. No
 * tensor ever travels here.
 *
 * <p>Start at {@link tutti.common.protocol.WorkerCommand} (orders) and {@link tutti.common.protocol.WorkerReport} (answers); a
 * worker begins with {@link tutti.common.protocol.Join}. The order of a run: Join, Assign, Ready, Begin, Lease and StepDone again
 * and again with PartWritten and Evaluated now and then, Finished, Leave. Where a worker is lost: Hold and Held, then from Assign on again.
 *
 * <p>Called by {@code worker.agent} and {@code coordinator.membership}, {@code coordinator.run}.
 */
package tutti.common.protocol;
