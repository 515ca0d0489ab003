package tutti.common.dataset;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/** One JSON array of objects, or JSON Lines, as a stream of samples; the file is never in memory as a whole. */
final class DataFile {
    /** Longest text of one turn, in characters; a longer one is a broken file, not a conversation. */
    private static final int MAX_TEXT = 16 * 1024 * 1024;

    private static final JsonFactory JSON = JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxStringLength(MAX_TEXT)
                    .maxNestingDepth(100)
                    .build())
            .build();

    private DataFile() {}

    static void read(Path file, Consumer<Example> into) {
        try (Reader text = open(file);
                JsonParser json = JSON.createParser(text)) {
            readSamples(file, json, into);
        } catch (CharacterCodingException e) {
            throw new TuttiException(Category.DATA, file + ": is not UTF-8 text; save it as UTF-8", e);
        } catch (JsonProcessingException e) {
            JsonLocation at = e.getLocation();
            String where = at == null ? "" : ":" + at.getLineNr() + ":" + at.getColumnNr();
            throw new TuttiException(
                    Category.DATA,
                    file + where + ": malformed JSON: "
                            + e.getOriginalMessage().lines().findFirst().orElse("")
                            + "; the file may be cut short",
                    e);
        } catch (IOException e) {
            throw new TuttiException(Category.ENVIRONMENT, file + ": cannot be read: " + e, e);
        }
    }

    private static void readSamples(Path file, JsonParser json, Consumer<Example> into) throws IOException {
        JsonToken first = json.nextToken();
        if (first == null) {
            throw TuttiException.data("%s: is empty; a data file needs at least one sample", file);
        }
        boolean array = first == JsonToken.START_ARRAY;
        JsonToken token = array ? json.nextToken() : first;
        for (int index = 0; token != null && token != JsonToken.END_ARRAY; index++) {
            int line = json.currentTokenLocation().getLineNr();
            if (token != JsonToken.START_OBJECT) {
                throw TuttiException.data(
                        "%s:%d: sample %d is %s, needs an object {...}; %s",
                        file, line, index, token, SampleReader.SUPPORTED);
            }
            into.accept(SampleReader.read(json, file, array ? index : -1, line));
            token = json.nextToken();
        }
        if (array && json.nextToken() != null) {
            throw TuttiException.data(
                    "%s:%d: text after the end of the JSON array; needs one array, or JSON Lines without brackets",
                    file, json.currentTokenLocation().getLineNr());
        }
    }

    private static Reader open(Path file) throws IOException {
        // A strict decoder: replaced characters would train the model on question marks.
        var reader = new BufferedReader(new InputStreamReader(
                Files.newInputStream(file),
                StandardCharsets.UTF_8
                        .newDecoder()
                        .onMalformedInput(CodingErrorAction.REPORT)
                        .onUnmappableCharacter(CodingErrorAction.REPORT)));
        // Windows editors put a byte order mark in front, JSON parsers stumble over it.
        reader.mark(1);
        if (reader.read() != '\uFEFF') {
            reader.reset();
        }
        return reader;
    }
}
