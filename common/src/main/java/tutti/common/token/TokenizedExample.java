package tutti.common.token;

/**
 * One sample ready for a batch. {@code labels[i]} is {@code inputIds[i]} where the token is learned and {@link #IGNORED}
 * elsewhere; not shifted: the model predicts {@code labels[i]} at position {@code i - 1}, so {@code labels[0]} never counts.
 */
public record TokenizedExample(int[] inputIds, int[] labels) {
    public static final int IGNORED = -100;

    public int length() {
        return inputIds.length;
    }

    /** Tokens that some position predicts. */
    public int labelledTokens() {
        int count = 0;
        for (int i = 1; i < labels.length; i++) {
            count += labels[i] == IGNORED ? 0 : 1;
        }
        return count;
    }
}
