package tutti.common.dataset;

import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;

/** Samples that were tokenised before. */
final class TokenRows {
    private static final int IGNORED = -100;

    private TokenRows() {}

    static Tokens read(Row row) {
        int[] inputIds = ints(row, "input_ids", 0);
        if (!row.has("labels")) {
            throw row.refused(
                    "has input_ids without labels; copy input_ids to labels to learn every token, -100 where not");
        }
        int[] labels = ints(row, "labels", IGNORED);
        if (inputIds.length == 0 || inputIds.length != labels.length) {
            throw row.refused(
                    "input_ids has %d tokens, labels has %d; both need the same length, 1 or more",
                    inputIds.length, labels.length);
        }
        return new Tokens(row.source(), inputIds, labels);
    }

    /** @param alsoAllowed the one number that may stand beside 0 and above */
    private static int[] ints(Row row, String field, int alsoAllowed) {
        JsonNode list = row.needs(JsonToken.START_ARRAY, row.get(field), field);
        int[] numbers = new int[Math.min(list.size(), Limits.MAX_TOKENS)];
        for (int i = 0; i < list.size(); i++) {
            JsonNode number = row.needs(JsonToken.VALUE_NUMBER_INT, list.get(i), field + "[" + i + "]");
            boolean fits = number.canConvertToInt();
            if (!fits || (number.intValue() < 0 && number.intValue() != alsoAllowed) || i == Limits.MAX_TOKENS) {
                throw row.refused(
                        "%s[%d] is %s, needs token ids from 0 to 2^31 - 1%s, at most %d of them",
                        field,
                        i,
                        Limits.clip(number.asText()),
                        alsoAllowed < 0 ? " or " + alsoAllowed : "",
                        Limits.MAX_TOKENS);
            }
            numbers[i] = number.intValue();
        }
        return numbers;
    }
}
