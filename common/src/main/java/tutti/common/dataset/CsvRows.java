package tutti.common.dataset;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import tutti.common.error.TuttiException;

/**
 * CSV as RFC 4180 has it, the first row with the names: commas between cells, cells with commas, quotes or line breaks in quotes, a
 * quote in those doubled. Cells are never trimmed; blank lines are passed over.
 */
final class CsvRows {
    private static final int MAX_COLUMNS = 1 << 16;
    private static final int END = -1;

    private final Path file;
    private final Reader text;
    private int line = 1;
    private boolean broken;
    /** Where the row begins that is being read. */
    private int begins;

    private CsvRows(Path file, Reader text) {
        this.file = file;
        this.text = text;
    }

    static void read(Path file, Reader text, Consumer<Row> into) throws IOException {
        new CsvRows(file, text).read(into);
    }

    private void read(Consumer<Row> into) throws IOException {
        List<String> names = row(MAX_COLUMNS).orElseThrow(() -> refused("no row with the names of the columns"));
        if (new HashSet<>(names).size() < names.size()) {
            throw refused("two columns of one name in " + Limits.clip(names.toString()));
        }
        for (Optional<List<String>> cells = row(names.size()); cells.isPresent(); cells = row(names.size())) {
            if (cells.get().size() < names.size()) {
                throw refused(
                        "%d cells, the first row names %d".formatted(cells.get().size(), names.size()));
            }
            ObjectNode fields = JsonNodeFactory.instance.objectNode();
            for (int i = 0; i < names.size(); i++) {
                fields.put(names.get(i), cells.get().get(i));
            }
            into.accept(Row.ofLine(file, begins, fields));
        }
    }

    /** The next row that is no blank line; empty at the end. */
    private Optional<List<String>> row(int mostCells) throws IOException {
        int at = next();
        while (at == '\n' || at == '\r') {
            at = next();
        }
        if (at == END) {
            return Optional.empty();
        }
        begins = line;
        List<String> cells = new ArrayList<>();
        while (true) {
            if (cells.size() == mostCells) {
                throw refused("more than %d cells, the first row names no more".formatted(mostCells));
            }
            StringBuilder cell = new StringBuilder();
            int after = at == '"' ? quoted(cell) : plain(cell, at);
            cells.add(cell.toString());
            if (after != ',') {
                return Optional.of(cells);
            }
            at = next();
        }
    }

    /** Gives what ends the cell: a comma, a line break or the end. */
    private int plain(StringBuilder cell, int first) throws IOException {
        int at = first;
        for (; at != ',' && at != '\n' && at != END; at = next()) {
            add(cell, at);
        }
        int last = cell.length() - 1;
        if (at != ',' && last >= 0 && cell.charAt(last) == '\r') {
            cell.setLength(last);
        }
        return at;
    }

    /** As above. */
    private int quoted(StringBuilder cell) throws IOException {
        while (true) {
            int at = next();
            if (at == '"') {
                at = next();
                if (at != '"') {
                    int after = at == '\r' ? next() : at;
                    if (after != ',' && after != '\n' && after != END) {
                        throw refused("text behind a closing quote; a quote inside of quotes is written twice");
                    }
                    return after;
                }
            } else if (at == END) {
                throw refused("no closing quote; the file may be cut short");
            }
            add(cell, at);
        }
    }

    private void add(StringBuilder cell, int character) {
        if (cell.length() == Limits.MAX_TEXT) {
            throw refused("a cell of more than %d characters; is a quote missing?".formatted(Limits.MAX_TEXT));
        }
        cell.append((char) character);
    }

    private int next() throws IOException {
        int read = text.read();
        // Counted when the line after it begins, so that a line break belongs to the line that it ends.
        line += broken ? 1 : 0;
        broken = read == '\n';
        return read;
    }

    private TuttiException refused(String what) {
        return TuttiException.data("%s:%d: malformed CSV: %s", file, Math.max(begins, 1), what);
    }
}
