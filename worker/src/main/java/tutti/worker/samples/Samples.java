package tutti.worker.samples;

import tutti.common.token.TokenizedExample;

/** The tokenised samples of a run in file order, those left out that have nothing to learn. For any thread. */
public interface Samples extends AutoCloseable {
    int count();

    /** Is nothing read any more? */
    boolean inMemory();

    /**
     * Tokens of a sample; known of all without reading them.
     *
     * @param number from 0
     */
    int length(int number);

    /** @throws tutti.common.error.TuttiException (data, environment) if it can not be read from a file as it was written */
    TokenizedExample get(int number);

    @Override
    void close();
}
