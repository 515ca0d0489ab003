/**
 * The transformer, as forward/backward pairs over {@link tutti.worker.tensor.Kernels}: no autograd graph, so the memory of a
 * step is known before it starts and gradients are ready at known points.
 *
 * <p>Start at {@link tutti.worker.model.Llama} (the whole pass), then {@link tutti.worker.model.Block} (one layer). A model never
 * asks how a weight learns: it sees {@link tutti.worker.model.Linear} and {@link tutti.worker.model.Weight}, given by {@link
 * tutti.worker.model.Weights}, which worker.tune implements.
 *
 * <p>{@link tutti.worker.model.ActivationPlan} says what is kept for backward; {@link tutti.worker.model.BlockPolicy} what a single
 * block keeps.
 *
 * <p>Letters: N token rows, C hidden size, H query heads, G key/value heads, D head size, I MLP size, V vocabulary, L layers.
 *
 * <p>Called by worker.train and worker.generate. Calls worker.tensor, worker.batch. Knows nothing of files, ranks or optimizers.
 */
package tutti.worker.model;
