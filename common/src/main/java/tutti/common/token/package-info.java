/**
 * Text to token ids and back, and which of the tokens carry loss.
 *
 * <p>Training: start at {@link tutti.common.token.ExampleEncoder}, which takes examples to ids and labels and reports what was
 * cut or dropped. Chat: {@link tutti.common.token.VicunaTemplate} writes turns as text, {@link
 * tutti.common.token.ChatEncoder} makes ids of it and sees that every answer ends with the one end token. Everything rests
 * on {@link tutti.common.token.Tokenizer}, the one class that touches DJL; {@link tutti.common.token.IncrementalDecoder}
 * prints while a model generates.
 *
 * <p>Called by worker.batch, worker.generate and {@code tutti data}. Calls common.dataset and common.error. Knows nothing of
 * tensors, padding, packing or ranks.
 */
package tutti.common.token;
