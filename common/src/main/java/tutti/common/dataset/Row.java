package tutti.common.dataset;

import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeSet;
import tutti.common.error.TuttiException;

/**
 * One record of a file, before it is known what kind of sample it is.
 *
 * @param source as an {@link Example} has it
 * @param where names it in errors: the source, and the line even where that counts samples
 * @param renamed field of a format to the name that it has here, where that is another
 */
record Row(String source, String where, ObjectNode fields, Map<String, String> renamed) {
    private static final int KEYS_SHOWN = 20;

    static Row ofLine(Path file, int line, ObjectNode fields) {
        String source = file + ":" + line;
        return new Row(source, source, fields, Map.of());
    }

    /** @param line where it begins, or 0 if the file has no lines */
    static Row ofIndex(Path file, long index, int line, ObjectNode fields) {
        JsonNode id = fields.path("id");
        boolean named = id.isValueNode() && !id.isNull();
        String source = file + "#" + index + (named ? " (" + Limits.clip(id.asText()) + ")" : "");
        return new Row(source, line == 0 ? source : source + " at line " + line, fields, Map.of());
    }

    Row renamed(Map<String, String> names) {
        return new Row(source, where, fields, names);
    }

    boolean has(String field) {
        return fields.has(nameOf(field));
    }

    /** What the files call it. */
    String nameOf(String field) {
        return renamed.getOrDefault(field, field);
    }

    /** A missing node if there is none. */
    JsonNode get(String field) {
        return fields.path(nameOf(field));
    }

    String text(String field) {
        return text(get(field), nameOf(field));
    }

    /** Empty where the field is missing or null. */
    String optionalText(String field) {
        JsonNode node = get(field);
        return node.isMissingNode() || node.isNull() ? "" : text(node, nameOf(field));
    }

    String text(JsonNode node, String what) {
        return needs(JsonToken.VALUE_STRING, node, what).textValue();
    }

    JsonNode needs(JsonToken needed, JsonNode node, String what) {
        if (node.asToken() != needed) {
            String found = node.isMissingNode()
                    ? "missing"
                    : node.isValueNode()
                            ? Limits.clip(node.asText())
                            : node.asToken().toString();
            throw refused("%s is %s, needs %s", what, found, needed);
        }
        return node;
    }

    /** The names of its fields, as a message shows them. */
    String keys() {
        TreeSet<String> keys = new TreeSet<>();
        fields.fieldNames().forEachRemaining(name -> {
            if (keys.size() < KEYS_SHOWN) {
                keys.add(Limits.clip(name));
            }
        });
        return keys.toString();
    }

    TuttiException refused(String format, Object... args) {
        Object[] all = new Object[args.length + 1];
        all[0] = where;
        System.arraycopy(args, 0, all, 1, args.length);
        return TuttiException.data("%s: " + format, all);
    }
}
