/**
 * A model that answers: {@link tutti.worker.generate.TextModel} loads a folder for inference, {@link
 * tutti.worker.generate.Generator} decodes with a KV cache, {@link tutti.worker.generate.Evaluation} measures loss and exact
 * match on conversations.
 *
 * <p>Called by the {@code generate} and {@code eval} commands. Calls worker.model, worker.tune, common.token. Knows nothing of
 * ranks or training.
 */
package tutti.worker.generate;
