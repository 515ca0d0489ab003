package tutti.common.token.jinja;

import java.util.List;

/** The words of a template and the place where the parser stands. */
final class Tokens {
    /** Brackets and blocks inside each other. */
    private static final int MAX_NESTING = 100;

    private final List<Token> all;
    private int at;
    private int nesting;

    Tokens(List<Token> all) {
        this.all = all;
    }

    Token current() {
        Token token = all.get(at);
        if (token.kind() == Token.Kind.ERROR) {
            throw new JinjaError(token.line(), token.text());
        }
        return token;
    }

    Token look() {
        return all.get(Math.min(at + 1, all.size() - 1));
    }

    Token next() {
        Token token = current();
        at = Math.min(at + 1, all.size() - 1);
        return token;
    }

    boolean is(Token.Kind kind) {
        return current().kind() == kind;
    }

    boolean isName(String... names) {
        for (String name : names) {
            if (current().isName(name)) {
                return true;
            }
        }
        return false;
    }

    boolean isOperator(String... operators) {
        for (String operator : operators) {
            if (current().isOperator(operator)) {
                return true;
            }
        }
        return false;
    }

    boolean skipName(String name) {
        boolean found = isName(name);
        if (found) {
            next();
        }
        return found;
    }

    boolean skipOperator(String operator) {
        boolean found = isOperator(operator);
        if (found) {
            next();
        }
        return found;
    }

    Token expect(Token.Kind kind) {
        return expect(is(kind), kind.description);
    }

    Token expectOperator(String operator) {
        return expect(isOperator(operator), operator);
    }

    Token expectName(String name) {
        return expect(isName(name), name);
    }

    private Token expect(boolean found, String what) {
        if (!found && is(Token.Kind.END)) {
            throw JinjaError.at(current().line(), "unexpected end of template, expected %s.", Repr.quote(what));
        }
        if (!found) {
            throw JinjaError.at(
                    current().line(),
                    "expected token %s, got %s",
                    Repr.quote(what),
                    Repr.quote(current().describe()));
        }
        return next();
    }

    JinjaError fail(String format, Object... args) {
        return JinjaError.at(current().line(), format, args);
    }

    /** One level deeper; {@link #leave} comes back. */
    void enter() {
        if (++nesting > MAX_NESTING) {
            throw fail("too many nested blocks or brackets: more than %d", MAX_NESTING);
        }
    }

    void leave() {
        nesting--;
    }
}
