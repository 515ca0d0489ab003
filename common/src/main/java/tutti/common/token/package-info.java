/**
 * Text to token ids and back, and which of the tokens carry loss.
 *
 * <p>Training: start at {@link tutti.common.token.ExampleEncoder}, which takes examples to ids and labels, and reports what was
 * cut, dropped or found wrong. Chats become text by a {@code ChatTemplate}: {@link tutti.common.token.VicunaTemplate} as FastChat writes
 * them, {@code JinjaChatTemplate} for every template of Hugging Face, which {@link tutti.common.token.ChatTemplates} finds; each says what of
 * the text is the assistant's. {@link tutti.common.token.ChatEncoder} makes ids of it, {@code Labels} marks what is learned. Everything rests on
 * {@link tutti.common.token.Tokenizer}, the one class that touches DJL; {@link tutti.common.token.IncrementalDecoder} prints while a
 * model generates.
 *
 * <p>Called by worker.batch, worker.generate and {@code tutti data}. Calls common.dataset and common.error. Knows nothing of
 * tensors, padding, packing or ranks.
 */
package tutti.common.token;
