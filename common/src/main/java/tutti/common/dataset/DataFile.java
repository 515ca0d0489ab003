package tutti.common.dataset;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import java.io.BufferedInputStream;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;
import tutti.common.config.SampleBy;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/** One file as a stream of rows; it is never in memory as a whole. */
final class DataFile {
    /** What tells JSON from others may stand behind blanks. */
    private static final int HEAD = 64;

    private DataFile() {}

    /** Gives the name of what kind of file it was. */
    static String read(Path file, SampleBy by, Consumer<Row> into) {
        try (InputStream packed = new BufferedInputStream(Files.newInputStream(file), 1 << 16)) {
            Compression compression = Compression.of(head(packed, Compression.HEAD));
            InputStream bytes = new BufferedInputStream(compression.unpack(file, packed), 1 << 16);
            byte[] head = head(bytes, HEAD);
            if (head.length == 0) {
                throw TuttiException.data("%s: is empty; a data file needs at least one sample", file);
            }
            Container kind = Container.of(file, new String(head, StandardCharsets.ISO_8859_1))
                    .orElseThrow(() -> TuttiException.data(
                            "%s: of no known kind by its name and its beginning; %s", file, Container.KNOWN));
            return switch (kind) {
                case JSON -> JsonRows.read(file, reader(bytes), into) + compression.suffix();
                case CSV -> {
                    CsvRows.read(file, reader(bytes), into);
                    yield "CSV" + compression.suffix();
                }
                case TEXT -> {
                    TextRows.read(file, reader(bytes), by, into);
                    yield "text" + compression.suffix();
                }
                case PARQUET -> {
                    TuttiException.require(
                            compression == Compression.NONE,
                            Category.DATA,
                            "%s: Parquet%s, which cannot be read at any place; unpack it, Parquet is compressed anyway",
                            file,
                            compression.suffix());
                    ParquetRows.read(file, into);
                    yield "Parquet";
                }
            };
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

    private static byte[] head(InputStream in, int length) throws IOException {
        in.mark(length);
        byte[] head = in.readNBytes(length);
        in.reset();
        return head;
    }

    private static Reader reader(InputStream bytes) throws IOException {
        // A strict decoder: replaced characters would train the model on question marks.
        var reader = new BufferedReader(new InputStreamReader(
                bytes,
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
