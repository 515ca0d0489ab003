package tutti.common.dataset;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * Calls of tools in both ways: OpenAI's {@code tool_calls}, which chat templates take, and the text that ShareGPT's {@code function_call}
 * turns have, {@code {"name": .., "arguments": {..}}} or a list of them.
 */
final class ToolCalls {
    /** A call with more behind it is text. */
    private static final ObjectMapper JSON = new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    private ToolCalls() {}

    static boolean in(JsonNode turn) {
        return !turn.path("tool_calls").isEmpty();
    }

    /** As ShareGPT has them. */
    static String text(Row row, JsonNode turn, String what) {
        ArrayNode calls = JsonNodeFactory.instance.arrayNode();
        for (JsonNode call : turn.get("tool_calls")) {
            JsonNode function = call.path("function");
            ObjectNode kept = calls.addObject();
            kept.put("name", row.text(function.path("name"), what + " tool_calls function name"));
            kept.set("arguments", arguments(function.path("arguments")));
        }
        return PythonJson.write(calls.size() == 1 ? calls.get(0) : calls);
    }

    /** @return this turn as templates get it: arguments as an object where they are one, no content where it has none, all else as it is */
    static String messages(JsonNode turn, String said) {
        ArrayNode calls = JsonNodeFactory.instance.arrayNode();
        for (JsonNode call : turn.get("tool_calls")) {
            ObjectNode kept = call.deepCopy();
            ObjectNode function = kept.withObject("function");
            function.set("arguments", arguments(function.path("arguments")));
            calls.add(kept);
        }
        return calling(turn.path("content").isNull() ? null : said, calls);
    }

    /** @return the same of a {@code function_call} turn; empty where its text is no call */
    static String messages(String functionCall) {
        JsonNode given;
        try {
            given = JSON.readTree(functionCall);
        } catch (JsonProcessingException notJson) {
            return "";
        }
        ArrayNode calls = JsonNodeFactory.instance.arrayNode();
        for (JsonNode call :
                given.isArray() ? given : JsonNodeFactory.instance.arrayNode().add(given)) {
            if (!call.path("name").isTextual() || !call.has("arguments")) {
                return "";
            }
            ObjectNode function = calls.addObject().put("type", "function").putObject("function");
            function.put("name", call.get("name").textValue());
            function.set("arguments", arguments(call.get("arguments")));
        }
        return calls.isEmpty() ? "" : calling("", calls);
    }

    /** @param turn of a tool, with whatever says which call it answers */
    static String answer(JsonNode turn, String said) {
        ObjectNode message = message("tool", said);
        for (String key : new String[] {"tool_call_id", "name"}) {
            if (turn.path(key).isTextual()) {
                message.set(key, turn.get(key));
            }
        }
        return write(JsonNodeFactory.instance.arrayNode().add(message));
    }

    /** Answers one after the other. */
    static String both(String first, String second) {
        try {
            return write(((ArrayNode) JSON.readTree(first)).addAll((ArrayNode) JSON.readTree(second)));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("written by this class", e);
        }
    }

    private static String calling(String said, ArrayNode calls) {
        return write(JsonNodeFactory.instance
                .arrayNode()
                .add(message("assistant", said).set("tool_calls", calls)));
    }

    private static ObjectNode message(String role, String said) {
        return JsonNodeFactory.instance.objectNode().put("role", role).put("content", said);
    }

    private static String write(JsonNode messages) {
        return PythonJson.write(messages);
    }

    /** OpenAI writes them as JSON in a text. What is none stays the text that the model wrote. */
    private static JsonNode arguments(JsonNode given) {
        if (!given.isTextual()) {
            return given.isMissingNode() ? JsonNodeFactory.instance.objectNode() : given;
        }
        try {
            JsonNode parsed = JSON.readTree(given.textValue());
            return parsed.isObject() ? parsed : given;
        } catch (JsonProcessingException notJson) {
            return given;
        }
    }
}
