package tutti.common.dataset;

/** A text and how it goes on: the model learns what follows the prompt, and to end there. Neither part is trimmed. */
public record Completion(String source, String prompt, String completion) implements Example {}
