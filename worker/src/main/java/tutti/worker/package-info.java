/**
 * One process, one device, one replica of the model. {@link tutti.worker.WorkerMain} wires and starts it.
 *
 * <p>To learn how training works read {@code worker.train.TrainStep} first; then the rooms in the order tensor, batch, model,
 * tune, allreduce, gradient, optim, checkpoint, train, generate, agent. A room imports only rooms before it.
 */
package tutti.worker;
