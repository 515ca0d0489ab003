/**
 * Which weights learn, and how. Today all of them do: {@link tutti.worker.tune.Replica} lays every weight of the model into flat
 * buffers (master weights, compute copy, gradients) and hands views of them to the model.
 *
 * <p>A frozen, quantised or low-rank weight is another implementation of {@link tutti.worker.model.Linear}, chosen by name in
 * {@link tutti.worker.tune.Replica#linear}; only what learns gets a place in {@link tutti.worker.tune.FlatLayout}, and the step
 * sees nothing but the flat buffers.
 *
 * <p>{@link tutti.worker.tune.ShardLayout} says which elements of the flat buffers one rank updates: what only the update reads is as long
 * as that. {@link tutti.worker.tune.GradientLayout} says where gradients lie from backward to the update.
 *
 * <p>Called by worker.train, worker.generate, worker.checkpoint. Calls worker.tensor, worker.model.
 */
package tutti.worker.tune;
