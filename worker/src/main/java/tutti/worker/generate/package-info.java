/**
 * A model that answers. {@link tutti.worker.generate.TextModel} loads a folder for inference, {@link tutti.worker.generate.Generator}
 * decodes several sequences at once with a KV cache, {@link tutti.worker.generate.Chat} remembers a conversation, {@link
 * tutti.worker.generate.Evaluator} measures loss and answers, which an {@link tutti.worker.generate.AnswerRule} compares.
 *
 * <p>Called by the {@code generate}, {@code chat} and {@code eval} commands, the quickstart, and worker.evaluate. Calls worker.model, worker.tune, worker.train
 * for backends, common.token. Knows nothing of ranks or training.
 */
package tutti.worker.generate;
