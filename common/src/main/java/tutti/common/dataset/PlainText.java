package tutti.common.dataset;

/** Text of which every token is learned, and the end behind it. */
public record PlainText(String source, String text) implements Example {}
