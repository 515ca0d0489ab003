package tutti.common.dataset;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** OpenAI's {@code tool_calls} as the text that ShareGPT's {@code function_call} turns have. */
final class ToolCalls {
    private static final ObjectMapper JSON = new ObjectMapper();

    private ToolCalls() {}

    static boolean in(JsonNode turn) {
        return !turn.path("tool_calls").isEmpty();
    }

    /** {@code {"name": .., "arguments": {..}}}, or a list of them if there are several calls. */
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
