package tutti.common.token.jinja;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Text of a template to tokens, with {@code trim_blocks} and {@code lstrip_blocks}: the newline behind a block tag goes, and
 * so do the blanks before one that stands first on its line. After {@code Lexer.tokeniter} of Jinja2.
 */
final class Lexer {
    /** Python's {@code \s}. */
    private static final String SPACE = "[\\s\\x1c-\\x1f\\x85\\p{Z}]";

    private static final Pattern TAG = Pattern.compile("\\{%|\\{\\{|\\{#");
    private static final Pattern RAW =
            Pattern.compile("\\{%[-+]?" + SPACE + "*raw" + SPACE + "*(-%\\}" + SPACE + "*|%\\})");
    private static final Pattern END_RAW =
            Pattern.compile("\\{%([-+]?)" + SPACE + "*endraw" + SPACE + "*(\\+%\\}|-%\\}" + SPACE + "*|%\\}\\n?)");
    private static final Pattern BLOCK_END = Pattern.compile("\\+%\\}|-%\\}" + SPACE + "*|%\\}\\n?");
    private static final Pattern VARIABLE_END = Pattern.compile("-\\}\\}" + SPACE + "*|\\}\\}");
    private static final Pattern COMMENT_END = Pattern.compile("\\+#\\}|-#\\}" + SPACE + "*|#\\}\\n?");
    private static final Pattern SPACES = Pattern.compile(SPACE + "+");
    private static final Pattern FLOAT = Pattern.compile(
            "(?<!\\.)(?:\\d+_)*+\\d+(?:(?:\\.(?:\\d+_)*+\\d+)?[eE][+-]?(?:\\d+_)*+\\d+|\\.(?:\\d+_)*+\\d+)");
    private static final Pattern INTEGER = Pattern.compile(
            "0[bB](?:_?[01])++|0[oO](?:_?[0-7])++|0[xX](?:_?[0-9a-fA-F])++|[1-9](?:_?\\d)*+|0(?:_?0)*+");
    private static final Pattern NAME = Pattern.compile("[\\p{L}_][\\p{L}\\p{N}\\p{M}_]*+");
    private static final Pattern OPERATOR = Pattern.compile("//|\\*\\*|==|!=|>=|<=|[-+/*%~\\[\\](){}>=<.:|,;]");

    private final String source;
    private final List<Token> tokens = new ArrayList<>();
    private final Map<Pattern, Matcher> matchers = new HashMap<>();
    private int at;
    private int line = 1;
    private boolean lineStart = true;

    private Lexer(String source) {
        this.source = source;
    }

    static List<Token> tokens(String text) {
        String source = text.replace("\r\n", "\n").replace('\r', '\n');
        // One newline at the end of a file is the editor's.
        Lexer lexer = new Lexer(source.endsWith("\n") ? source.substring(0, source.length() - 1) : source);
        try {
            lexer.template();
            lexer.add(Token.Kind.END, "");
        } catch (JinjaError e) {
            // What the parser finds wrong before it comes here goes first.
            lexer.add(Token.Kind.ERROR, e.getMessage());
        }
        return lexer.tokens;
    }

    private void template() {
        Matcher tag = TAG.matcher(source);
        while (at < source.length()) {
            if (!tag.find(at)) {
                data(source.substring(at), '+', false);
                at = source.length();
                return;
            }
            String before = source.substring(at, tag.start());
            char sign = tag.end() < source.length() ? source.charAt(tag.end()) : ' ';
            boolean block = tag.group().equals("{%");
            boolean variable = tag.group().equals("{{");
            data(before, sign, !variable);
            at = tag.start();
            Matcher raw = matcher(RAW, tag.start());
            if (block && raw.lookingAt()) {
                move(raw.end());
                raw();
                continue;
            }
            at = tag.end() + (sign == '-' || sign == '+' ? 1 : 0);
            if (tag.group().equals("{#")) {
                Matcher end = COMMENT_END.matcher(source);
                boolean ends = end.find(at);
                if (!ends && at < source.length()) {
                    throw JinjaError.at(line, "Missing end of comment tag");
                }
                move(ends ? end.end() : at);
            } else {
                add(variable ? Token.Kind.VARIABLE_BEGIN : Token.Kind.BLOCK_BEGIN, tag.group());
                code(variable ? VARIABLE_END : BLOCK_END, variable ? Token.Kind.VARIABLE_END : Token.Kind.BLOCK_END);
            }
            lineStart = source.charAt(at - 1) == '\n';
        }
    }

    /** Text before a tag. {@code sign} is the character behind the tag's opening. */
    private void data(String text, char sign, boolean stripsLine) {
        String kept = text;
        if (sign == '-') {
            kept = Strings.strip(text, null, false, true);
        } else if (sign != '+' && stripsLine) {
            int start = text.lastIndexOf('\n') + 1;
            if ((start > 0 || lineStart) && Strings.isSpace(text.substring(start))) {
                kept = text.substring(0, start);
            }
        }
        if (!kept.isEmpty()) {
            add(Token.Kind.DATA, kept);
        }
        count(text);
    }

    private void raw() {
        Matcher end = END_RAW.matcher(source);
        if (at == source.length()) {
            return;
        }
        if (!end.find(at)) {
            throw JinjaError.at(line, "Missing end of raw directive");
        }
        lineStart = source.charAt(at - 1) == '\n';
        String text = source.substring(at, end.start());
        data(text, end.group(1).isEmpty() ? ' ' : end.group(1).charAt(0), true);
        at = end.start();
        move(end.end());
        lineStart = source.charAt(at - 1) == '\n';
    }

    /** The inside of a tag. Its end counts only outside of all brackets, for {@code }}} may close a dict. */
    private void code(Pattern endOfTag, Token.Kind end) {
        Deque<String> open = new ArrayDeque<>();
        while (true) {
            Matcher ends = matcher(endOfTag, at);
            if (open.isEmpty() && ends.lookingAt()) {
                add(end, ends.group());
                move(ends.end());
                return;
            }
            if (at >= source.length()) {
                return;
            }
            word(open);
        }
    }

    private void word(Deque<String> open) {
        for (Pattern pattern : List.of(SPACES, FLOAT, INTEGER, NAME)) {
            Matcher found = matcher(pattern, at);
            if (found.lookingAt()) {
                if (pattern != SPACES) {
                    add(
                            pattern == FLOAT
                                    ? Token.Kind.FLOAT
                                    : pattern == INTEGER ? Token.Kind.INTEGER : Token.Kind.NAME,
                            found.group());
                }
                move(found.end());
                return;
            }
        }
        int end = Literals.endOfString(source, at);
        if (end > 0) {
            add(Token.Kind.STRING, Literals.unescape(source.substring(at + 1, end - 1), line));
            move(end);
            return;
        }
        Matcher operator = matcher(OPERATOR, at);
        if (!operator.lookingAt()) {
            throw JinjaError.at(
                    line,
                    "unexpected char %s at %d",
                    Repr.quote(Strings.at(source.substring(at), 0)),
                    source.codePointCount(0, at));
        }
        balance(operator.group(), open);
        add(Token.Kind.OPERATOR, operator.group());
        move(operator.end());
    }

    private void balance(String operator, Deque<String> open) {
        switch (operator) {
            case "{" -> open.push("}");
            case "(" -> open.push(")");
            case "[" -> open.push("]");
            case "}", ")", "]" -> {
                if (open.isEmpty()) {
                    throw JinjaError.at(line, "unexpected '%s'", operator);
                }
                String expected = open.pop();
                if (!expected.equals(operator)) {
                    throw JinjaError.at(line, "unexpected '%s', expected '%s'", operator, expected);
                }
            }
            default -> {}
        }
    }

    private Matcher matcher(Pattern pattern, int from) {
        // A number must see the dot before it.
        return matchers.computeIfAbsent(pattern, each -> each.matcher(source).useTransparentBounds(true))
                .region(from, source.length());
    }

    private void move(int to) {
        count(source.substring(at, to));
        at = to;
    }

    private void count(String text) {
        line += (int) text.chars().filter(c -> c == '\n').count();
    }

    private void add(Token.Kind kind, String text) {
        tokens.add(new Token(kind, text, line));
    }
}
