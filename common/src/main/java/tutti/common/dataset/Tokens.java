package tutti.common.dataset;

/**
 * A sample that was tokenised before: {@code labels[i]} belongs to {@code inputIds[i]} (not shifted) and is -100 where nothing
 * is learned. Both have the same length.
 */
public record Tokens(String source, int[] inputIds, int[] labels) implements Example {}
