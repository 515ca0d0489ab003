package tutti.common.dataset;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import tutti.common.error.TuttiException;

/** Reads one JSON object and tells from its keys what kind of sample it is. Keys that no format needs are passed over. */
final class SampleReader {
    static final String SUPPORTED =
            "supported are ShareGPT {\"conversations\":[{\"from\":..,\"value\":..}]} and pretokenised"
                    + " {\"input_ids\":[..],\"labels\":[..]}";
    /** More tokens or turns than any sample has; they bound what a broken file can take. */
    private static final int MAX_TOKENS = 1 << 24;

    private static final int MAX_TURNS = 1 << 16;
    private static final int IGNORED = -100;
    /** Characters of the file that a message shows. */
    private static final int SHOWN = 80;

    private final JsonParser json;
    /** {@code file:line} while the id is not yet known. */
    private final String place;

    private String id;
    private List<Turn> turns;
    private int[] inputIds;
    private int[] labels;

    private SampleReader(JsonParser json, String place) {
        this.json = json;
        this.place = place;
    }

    /** @param index place in a JSON array, or -1 in JSON Lines */
    static Example read(JsonParser json, Path file, int index, int line) throws IOException {
        SampleReader reader = new SampleReader(json, file + ":" + line);
        Set<String> keys = reader.readFields();
        String source =
                index < 0 ? file + ":" + line : file + "#" + index + (reader.id == null ? "" : " (" + reader.id + ")");
        // The line helps an editor even where the source counts samples.
        String where = index < 0 ? source : source + " at line " + line;
        if (reader.turns != null) {
            return new Conversation(source, ConversationRules.apply(where, reader.turns));
        }
        if (reader.inputIds != null) {
            return reader.tokens(source, where);
        }
        throw TuttiException.data("%s: unknown format, its keys are %s; %s", where, keys, SUPPORTED);
    }

    private Set<String> readFields() throws IOException {
        Set<String> keys = new TreeSet<>();
        while (json.nextToken() != JsonToken.END_OBJECT) {
            String key = json.currentName();
            if (keys.size() < 20) {
                keys.add(clip(key));
            }
            JsonToken value = json.nextToken();
            switch (key) {
                case "id" -> {
                    id = value.isScalarValue() && value != JsonToken.VALUE_NULL ? clip(json.getText()) : null;
                    json.skipChildren();
                }
                case "conversations" -> turns = readTurns();
                case "input_ids" -> inputIds = readInts("input_ids", 0);
                case "labels" -> labels = readInts("labels", IGNORED);
                default -> json.skipChildren();
            }
        }
        return keys;
    }

    private List<Turn> readTurns() throws IOException {
        needs(JsonToken.START_ARRAY, "conversations");
        List<Turn> read = new ArrayList<>();
        while (json.nextToken() != JsonToken.END_ARRAY) {
            String what = "turn " + read.size();
            needs(JsonToken.START_OBJECT, what);
            String from = null;
            String value = null;
            while (json.nextToken() != JsonToken.END_OBJECT) {
                String key = json.currentName();
                json.nextToken();
                switch (key) {
                    case "from" -> from = text(what + " from");
                    case "value" -> value = text(what + " value");
                    default -> json.skipChildren();
                }
            }
            if (from == null || value == null || read.size() == MAX_TURNS) {
                throw TuttiException.data(
                        "%s: %s needs \"from\" and \"value\", and at most %d turns are read", place, what, MAX_TURNS);
            }
            String name = from;
            Role role = Role.of(name)
                    .orElseThrow(() -> TuttiException.data(
                            "%s: %s is from '%s', known are %s", place, what, clip(name), Role.KNOWN_NAMES));
            read.add(new Turn(role, value));
        }
        return read;
    }

    /** @param alsoAllowed the one number that may stand beside 0 and above */
    private int[] readInts(String key, int alsoAllowed) throws IOException {
        needs(JsonToken.START_ARRAY, key);
        int[] numbers = new int[256];
        int count = 0;
        while (json.nextToken() != JsonToken.END_ARRAY) {
            needs(JsonToken.VALUE_NUMBER_INT, key + "[" + count + "]");
            boolean fits = json.getNumberType() == JsonParser.NumberType.INT;
            if (!fits || (json.getIntValue() < 0 && json.getIntValue() != alsoAllowed) || count == MAX_TOKENS) {
                throw TuttiException.data(
                        "%s: %s[%d] is %s, needs token ids from 0 to 2^31 - 1%s, at most %d of them",
                        place,
                        key,
                        count,
                        clip(json.getText()),
                        alsoAllowed < 0 ? " or " + alsoAllowed : "",
                        MAX_TOKENS);
            }
            if (count == numbers.length) {
                numbers = Arrays.copyOf(numbers, count * 2);
            }
            numbers[count++] = json.getIntValue();
        }
        return Arrays.copyOf(numbers, count);
    }

    private Tokens tokens(String source, String where) {
        if (labels == null) {
            throw TuttiException.data(
                    "%s: has input_ids without labels; copy input_ids to labels to learn every token, -100 where not",
                    where);
        }
        if (inputIds.length == 0 || inputIds.length != labels.length) {
            throw TuttiException.data(
                    "%s: input_ids has %d tokens, labels has %d; both need the same length, 1 or more",
                    where, inputIds.length, labels.length);
        }
        return new Tokens(source, inputIds, labels);
    }

    private String text(String what) throws IOException {
        needs(JsonToken.VALUE_STRING, what);
        return json.getText();
    }

    private void needs(JsonToken needed, String what) throws IOException {
        if (json.currentToken() == null) {
            throw TuttiException.data("%s: the sample ends inside %s; the file is cut short", place, what);
        }
        if (json.currentToken() != needed) {
            throw TuttiException.data(
                    "%s: %s is %s, needs %s",
                    place,
                    what,
                    json.currentToken().isScalarValue() ? clip(json.getText()) : json.currentToken(),
                    needed);
        }
    }

    /** Text of a file as a message shows it: short, and without characters that would move the cursor of a terminal. */
    private static String clip(String text) {
        String head = text.length() <= SHOWN ? text : text.substring(0, SHOWN) + "...";
        return head.replaceAll("\\p{Cc}", "?");
    }
}
