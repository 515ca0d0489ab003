package tutti.worker.generate;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.IntPredicate;

/**
 * SQL as a list of words, so that texts that differ in case, spacing, kind of quotes or a last semicolon are equal. It parses nothing, so
 * broken SQL has words too. Keywords and names are compared without case, text in quotes letter by letter: {@code 'a'} and {@code "a"}
 * are one text, since data sets quote values in both ways; {@code `a`} is the name a.
 */
final class SqlText {
    private static final String OPERATORS = "<>!=|:";

    private final String sql;
    private int at;

    private SqlText(String sql) {
        this.sql = sql;
    }

    /** Texts in quotes have a quote before them, so that they differ from the same word without quotes. */
    static List<String> words(String sql) {
        SqlText text = new SqlText(sql.strip());
        List<String> words = new ArrayList<>();
        while (text.at < text.sql.length()) {
            words.add(text.next());
            text.run(Character::isWhitespace);
        }
        while (!words.isEmpty() && words.get(words.size() - 1).equals(";")) {
            words.remove(words.size() - 1);
        }
        return words;
    }

    private String next() {
        char first = sql.charAt(at);
        if (first == '\'' || first == '"') {
            return "'" + quoted(first);
        }
        if (first == '`') {
            return quoted(first).toLowerCase(Locale.ROOT);
        }
        if (isOfWord(first)) {
            String word = run(SqlText::isOfWord);
            return (isDecimalPoint(word) ? word + sql.charAt(at++) + run(Character::isDigit) : word)
                    .toLowerCase(Locale.ROOT);
        }
        String operator = run(one -> OPERATORS.indexOf(one) >= 0);
        return operator.isEmpty() ? String.valueOf(sql.charAt(at++)) : operator;
    }

    /** From one quote to the next, or to the end; a doubled quote stands for one. */
    private String quoted(char quote) {
        StringBuilder text = new StringBuilder();
        at++;
        while (at < sql.length()) {
            char one = sql.charAt(at++);
            if (one == quote && !(at < sql.length() && sql.charAt(at) == quote)) {
                break;
            }
            at += one == quote ? 1 : 0;
            text.append(one);
        }
        return text.toString();
    }

    private boolean isDecimalPoint(String before) {
        return at + 1 < sql.length()
                && sql.charAt(at) == '.'
                && Character.isDigit(sql.charAt(at + 1))
                && before.chars().allMatch(Character::isDigit);
    }

    /** As many characters as are of this kind. */
    private String run(IntPredicate kind) {
        int from = at;
        while (at < sql.length() && kind.test(sql.charAt(at))) {
            at++;
        }
        return sql.substring(from, at);
    }

    private static boolean isOfWord(int character) {
        return Character.isLetterOrDigit(character) || character == '_';
    }
}
