package tutti.common.dataset;

import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;

/** Lists of turns, in ShareGPT's words ({@code from}, {@code value}) or OpenAI's ({@code role}, {@code content}). */
final class Chats {
    private final Row row;

    private Chats(Row row) {
        this.row = row;
    }

    /** @param field holds the turns */
    static Conversation read(Row row, String field) {
        Chats chats = new Chats(row);
        List<Turn> turns = chats.turns(row.get(field), row.nameOf(field), "turn ");
        return chats.conversation(chats.withSystem(turns));
    }

    /** Nothing of the prompt is learned. */
    static Conversation read(Row row, String promptField, String completionField) {
        Chats chats = new Chats(row);
        List<Turn> turns = new ArrayList<>();
        for (Turn turn : chats.turns(row.get(promptField), row.nameOf(promptField), "prompt turn ")) {
            turns.add(turn.withLearned(false));
        }
        turns.addAll(chats.turns(row.get(completionField), row.nameOf(completionField), "completion turn "));
        return chats.conversation(turns);
    }

    private Conversation conversation(List<Turn> turns) {
        return new Conversation(row.source(), ConversationRules.apply(row.where(), turns), tools());
    }

    /** A system turn wins over a system field, as in LLaMA-Factory. */
    private List<Turn> withSystem(List<Turn> turns) {
        JsonNode system = row.get("system");
        boolean taken = turns.isEmpty() || turns.get(0).role() == Role.SYSTEM;
        if (taken || !system.isTextual() || system.textValue().isEmpty()) {
            return turns;
        }
        List<Turn> all = new ArrayList<>(turns);
        all.add(0, new Turn(Role.SYSTEM, system.textValue()));
        return all;
    }

    private String tools() {
        JsonNode tools = row.get("tools");
        return tools.isTextual() ? tools.textValue() : tools.isEmpty() ? "" : PythonJson.write(tools);
    }

    private List<Turn> turns(JsonNode list, String name, String prefix) {
        row.needs(JsonToken.START_ARRAY, list, name);
        List<Turn> turns = new ArrayList<>();
        for (JsonNode turn : list) {
            turns.add(turn(turn, prefix + turns.size(), turns.size() == Limits.MAX_TURNS));
        }
        return turns;
    }

    private Turn turn(JsonNode turn, String what, boolean oneTooMany) {
        row.needs(JsonToken.START_OBJECT, turn, what);
        boolean openAi = turn.has("role") || turn.has("content");
        String nameKey = openAi ? "role" : "from";
        String textKey = openAi ? "content" : "value";
        boolean calls = ToolCalls.in(turn);
        if (!turn.has(nameKey) || !(turn.has(textKey) || calls) || oneTooMany) {
            throw row.refused(
                    "%s needs \"%s\" and \"%s\", and at most %d turns are read",
                    what, nameKey, textKey, Limits.MAX_TURNS);
        }
        String name = row.text(turn.get(nameKey), what + " " + nameKey);
        Role role = Role.of(name)
                .orElseThrow(
                        () -> row.refused("%s is from '%s', known are %s", what, Limits.clip(name), Role.KNOWN_NAMES));
        JsonNode content = turn.path(textKey);
        String said = calls && (content.isNull() || content.isMissingNode()) ? "" : words(content, what, textKey);
        String call = calls ? ToolCalls.text(row, turn, what) : "";
        String text = said.isEmpty() || call.isEmpty() ? said + call : said + "\n" + call;
        String messages = "";
        if (calls && role != Role.ASSISTANT) {
            throw row.refused("%s is from '%s' and has tool_calls; only an assistant calls", what, Limits.clip(name));
        }
        if (calls) {
            messages = ToolCalls.messages(turn, said);
        } else if (name.equals("function_call")) {
            messages = ToolCalls.messages(said);
        } else if (role == Role.TOOL) {
            messages = ToolCalls.answer(turn, said);
        }
        return new Turn(role, text, learned(turn, what), messages);
    }

    /** A text, or OpenAI's list of parts, of which only text can be learned. */
    private String words(JsonNode content, String what, String key) {
        if (!content.isArray()) {
            return row.text(content, what + " " + key);
        }
        StringBuilder words = new StringBuilder();
        for (JsonNode part : content) {
            String type = part.path("type").asText();
            if (!type.equals("text")) {
                throw row.refused(
                        "%s has a part of type '%s'; only parts of type 'text' are read", what, Limits.clip(type));
            }
            words.append(row.text(part.path("text"), what + " text"));
        }
        return words.toString();
    }

    /** OpenAI's {@code weight}, axolotl's {@code train} and {@code training}. */
    private boolean learned(JsonNode turn, String what) {
        boolean learned = true;
        for (String flag : List.of("train", "training", "weight")) {
            JsonNode value = turn.path(flag);
            if (value.isMissingNode() || value.isNull()) {
                continue;
            }
            boolean zeroOrOne = value.isNumber() && (value.doubleValue() == 0 || value.doubleValue() == 1);
            if (!value.isBoolean() && !zeroOrOne) {
                throw row.refused("%s %s is %s, needs true, false, 0 or 1", what, flag, Limits.clip(value.toString()));
            }
            learned &= value.isBoolean() ? value.booleanValue() : value.doubleValue() == 1;
        }
        return learned;
    }
}
