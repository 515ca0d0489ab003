package tutti.common.dataset;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Path;
import java.util.function.Consumer;
import tutti.common.error.TuttiException;

/** One JSON array of objects, or JSON Lines: a row at a time. */
final class JsonRows {
    private static final JsonFactory JSON = JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .streamReadConstraints(Limits.JSON)
            .build();

    private final Path file;
    private final JsonParser parser;
    private int values;

    private JsonRows(Path file, JsonParser parser) {
        this.file = file;
        this.parser = parser;
    }

    /** Gives the name of what it was: JSON or JSON Lines. */
    static String read(Path file, Reader text, Consumer<Row> into) throws IOException {
        try (JsonParser parser = JSON.createParser(text)) {
            return new JsonRows(file, parser).read(into) ? "JSON" : "JSON Lines";
        }
    }

    /** Whether it was one array. */
    private boolean read(Consumer<Row> into) throws IOException {
        JsonToken first = parser.nextToken();
        if (first == null) {
            throw TuttiException.data("%s: is empty; a data file needs at least one sample", file);
        }
        boolean array = first == JsonToken.START_ARRAY;
        JsonToken token = array ? parser.nextToken() : first;
        for (int index = 0; token != null && token != JsonToken.END_ARRAY; index++) {
            int line = parser.currentTokenLocation().getLineNr();
            if (token != JsonToken.START_OBJECT) {
                throw TuttiException.data(
                        "%s:%d: sample %d is %s, needs an object {...}; %s",
                        file, line, index, token, SampleFormats.SUPPORTED);
            }
            values = 0;
            ObjectNode fields = object(line);
            into.accept(array ? Row.ofIndex(file, index, line, fields) : Row.ofLine(file, line, fields));
            token = parser.nextToken();
        }
        if (array && parser.nextToken() != null) {
            throw TuttiException.data(
                    "%s:%d: text after the end of the JSON array; needs one array, or JSON Lines without brackets",
                    file, parser.currentTokenLocation().getLineNr());
        }
        return array;
    }

    private ObjectNode object(int line) throws IOException {
        ObjectNode object = JsonNodeFactory.instance.objectNode();
        while (parser.nextToken() != JsonToken.END_OBJECT) {
            String name = parser.currentName();
            parser.nextToken();
            object.set(name, value(line));
        }
        return object;
    }

    private ArrayNode array(int line) throws IOException {
        ArrayNode array = JsonNodeFactory.instance.arrayNode();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            array.add(value(line));
        }
        return array;
    }

    private JsonNode value(int line) throws IOException {
        if (++values > Limits.MAX_VALUES) {
            throw TuttiException.data(
                    "%s:%d: the sample that begins here has more than %d values; at most %d token ids are read",
                    file, line, Limits.MAX_VALUES, Limits.MAX_TOKENS);
        }
        JsonNodeFactory nodes = JsonNodeFactory.instance;
        return switch (parser.currentToken()) {
            case START_OBJECT -> object(line);
            case START_ARRAY -> array(line);
            case VALUE_STRING -> nodes.textNode(parser.getText());
            case VALUE_NUMBER_INT ->
                switch (parser.getNumberType()) {
                    case INT -> nodes.numberNode(parser.getIntValue());
                    case LONG -> nodes.numberNode(parser.getLongValue());
                    default -> nodes.numberNode(parser.getBigIntegerValue());
                };
            case VALUE_NUMBER_FLOAT -> nodes.numberNode(parser.getDoubleValue());
            case VALUE_TRUE -> nodes.booleanNode(true);
            case VALUE_FALSE -> nodes.booleanNode(false);
            default -> nodes.nullNode();
        };
    }
}
