package tutti.common.dataset;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Path;
import java.util.function.Consumer;
import tutti.common.config.SampleBy;
import tutti.common.error.TuttiException;

/** Plain text as rows with one field, {@code text}. Blank lines are no sample, and ends of lines are {@code \n} whatever they were. */
final class TextRows {
    private final Path file;
    private final SampleBy by;
    private final Consumer<Row> into;
    private final StringBuilder sample = new StringBuilder();
    /** Of the sample's first line that is not blank. */
    private int begins;

    private TextRows(Path file, SampleBy by, Consumer<Row> into) {
        this.file = file;
        this.by = by;
        this.into = into;
    }

    static void read(Path file, Reader text, SampleBy by, Consumer<Row> into) throws IOException {
        new TextRows(file, by, into).read(text);
    }

    private void read(Reader text) throws IOException {
        StringBuilder line = new StringBuilder();
        int number = 1;
        for (int read = text.read(); read != -1; read = text.read()) {
            if (read == '\n') {
                take(line, number++);
                line.setLength(0);
            } else {
                line.append((char) read);
                check(line.length(), number);
            }
        }
        take(line, number);
        give();
    }

    private void take(StringBuilder line, int number) {
        int end = line.length() - 1;
        if (end >= 0 && line.charAt(end) == '\r') {
            line.setLength(end);
        }
        boolean blank = line.toString().isBlank();
        if (by != SampleBy.DOCUMENT && blank) {
            give();
            return;
        }
        if (begins != 0) {
            sample.append('\n');
        } else if (!blank) {
            begins = number;
        } else {
            return;
        }
        sample.append(line);
        check(sample.length(), begins);
        if (by == SampleBy.LINE) {
            give();
        }
    }

    private void give() {
        if (begins != 0) {
            into.accept(Row.ofLine(
                    file, begins, JsonNodeFactory.instance.objectNode().put("text", sample.toString())));
        }
        sample.setLength(0);
        begins = 0;
    }

    private void check(int length, int number) {
        if (length > Limits.MAX_TEXT) {
            throw TuttiException.data(
                    "%s:%d: the sample that begins here has more than %d characters; is it text, and --sample_by right?",
                    file, number, Limits.MAX_TEXT);
        }
    }
}
