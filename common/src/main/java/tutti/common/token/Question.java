package tutti.common.token;

/**
 * What a model is asked.
 *
 * @param text for people
 * @param ids what the model is given: of a sample the tokens that it has before its last answer when it is trained on, so that nothing is
 *     asked in words that training never showed
 * @param wanted answer; empty where any will do
 */
public record Question(String text, int[] ids, String wanted) {

    /** Is there room for it, and for a token of its answer? */
    public boolean fits(int capacity) {
        return ids.length <= capacity;
    }
}
