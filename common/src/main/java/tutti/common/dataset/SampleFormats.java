package tutti.common.dataset;

import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import tutti.common.config.DataFormat;

/** Tells from the fields of a row what kind of sample it is, and reads it. Fields that its format does not need are passed over. */
final class SampleFormats {
    static final String SUPPORTED = "supported are "
            + String.join(
                    ", ",
                    known().map(format -> name(format) + " " + format.needed()).toList())
            + "; --prompt_field and --completion_field, --messages_field or --text_field name other fields";

    private SampleFormats() {}

    /** In messages and flags. */
    static String name(DataFormat format) {
        return format.name().toLowerCase(Locale.ROOT);
    }

    /** The first one whose fields are all there. */
    static DataFormat detect(Row row) {
        return known().filter(format -> format.needed().stream().allMatch(row::has))
                .findFirst()
                .orElseThrow(() -> row.refused("unknown format, its keys are %s; %s", row.keys(), SUPPORTED));
    }

    static Example read(Row row, DataFormat format) {
        for (String field : format.needed()) {
            if (!row.has(field)) {
                throw row.refused(
                        "no field '%s', which samples of %s have; its keys are %s",
                        row.nameOf(field), name(format), row.keys());
            }
        }
        return switch (format) {
            case AUTO -> read(row, detect(row));
            case SHAREGPT -> Chats.read(row, "conversations");
            case MESSAGES -> Chats.read(row, "messages");
            case TOKENS -> TokenRows.read(row);
            case PROMPT_COMPLETION -> promptCompletion(row);
            case ALPACA -> alpaca(row);
            case DOLLY -> answered(row, "response", "instruction", "context");
            // The tables first: a question is best read when it is known what it asks about.
            case SQL_CREATE_CONTEXT -> answered(row, "answer", "context", "question");
            case GSM8K -> answered(row, "answer", "question");
            case TEXT -> new PlainText(row.source(), row.text("text"));
        };
    }

    private static Stream<DataFormat> known() {
        return Stream.of(DataFormat.values()).filter(format -> format != DataFormat.AUTO);
    }

    private static Example promptCompletion(Row row) {
        return row.get("prompt").isArray()
                ? Chats.read(row, "prompt", "completion")
                : new Completion(row.source(), row.text("prompt"), row.text("completion"));
    }

    private static Example alpaca(Row row) {
        List<Turn> turns = new ArrayList<>();
        String system = row.optionalText("system");
        if (!system.isEmpty()) {
            turns.add(new Turn(Role.SYSTEM, system));
        }
        JsonNode history = row.get("history");
        if (!history.isMissingNode() && !history.isNull()) {
            for (JsonNode pair : row.needs(JsonToken.START_ARRAY, history, "history")) {
                if (pair.size() != 2) {
                    throw row.refused(
                            "history has %s, needs pairs [instruction, output]", Limits.clip(pair.toString()));
                }
                turns.add(new Turn(Role.USER, row.text(pair.path(0), "history instruction")));
                turns.add(new Turn(Role.ASSISTANT, row.text(pair.path(1), "history output")));
            }
        }
        turns.add(new Turn(Role.USER, joined(row, "instruction", "input")));
        turns.add(new Turn(Role.ASSISTANT, row.text("output")));
        return new Conversation(row.source(), turns);
    }

    private static Example answered(Row row, String answer, String... asked) {
        return new Conversation(
                row.source(),
                List.of(new Turn(Role.USER, joined(row, asked)), new Turn(Role.ASSISTANT, row.text(answer))));
    }

    /** One line break between, as LLaMA-Factory has it; empty ones leave none. */
    private static String joined(Row row, String... fields) {
        return String.join(
                "\n",
                Stream.of(fields)
                        .map(row::optionalText)
                        .filter(text -> !text.isEmpty())
                        .toList());
    }
}
