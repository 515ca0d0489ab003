package tutti.common.token.jinja;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Expressions, one method for each level of precedence, after {@code jinja2/parser.py}. */
final class ExprParser {
    private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");
    private static final Expr NONE = new Expr.Const(null);

    private final Tokens tokens;
    private final Unknowns unknowns;

    /** For each macro around: which of the names with a meaning inside of macros its body speaks of. */
    private final Deque<Set<String>> extras = new ArrayDeque<>();

    ExprParser(Tokens tokens, Unknowns unknowns) {
        this.tokens = tokens;
        this.unknowns = unknowns;
    }

    Deque<Set<String>> extras() {
        return extras;
    }

    Expr expression() {
        tokens.enter();
        int mark = unknowns.mark();
        Expr expr = or();
        while (tokens.skipName("if")) {
            Expr test = or();
            Expr otherwise = tokens.skipName("else") ? expression() : new Expr.NoElse();
            expr = new Expr.Choice(test, expr, otherwise);
            unknowns.allow(mark);
        }
        tokens.leave();
        return expr;
    }

    /**
     * One expression, or a tuple of several without brackets.
     *
     * @param choice whether {@code a if b} may stand here
     * @param end a name that ends the tuple, or null
     */
    Expr tuple(boolean choice, String end) {
        return tuple(choice, end, false);
    }

    private Expr tuple(boolean choice, String end, boolean inBrackets) {
        List<Expr> items = new ArrayList<>();
        boolean isTuple = false;
        while (!isTupleEnd(end)) {
            items.add(choice ? expression() : or());
            if (!tokens.isOperator(",")) {
                break;
            }
            isTuple = true;
            tokens.next();
        }
        if (isTuple) {
            return new Expr.TupleOf(items);
        }
        if (!items.isEmpty()) {
            return items.get(0);
        }
        if (!inBrackets) {
            throw tokens.fail(
                    "Expected an expression, got %s",
                    Repr.quote(tokens.current().describe()));
        }
        return new Expr.TupleOf(List.of());
    }

    private boolean isTupleEnd(String end) {
        return tokens.is(Token.Kind.VARIABLE_END)
                || tokens.is(Token.Kind.BLOCK_END)
                || tokens.isOperator(")")
                || (end != null && tokens.isName(end));
    }

    private Expr or() {
        Expr left = and();
        while (tokens.skipName("or")) {
            left = new Expr.Or(left, and());
        }
        return left;
    }

    private Expr and() {
        Expr left = not();
        while (tokens.skipName("and")) {
            left = new Expr.And(left, not());
        }
        return left;
    }

    private Expr not() {
        if (!tokens.skipName("not")) {
            return comparison();
        }
        tokens.enter();
        Expr not = new Expr.Not(not());
        tokens.leave();
        return not;
    }

    private Expr comparison() {
        Expr first = sum();
        List<Expr.Link> links = new ArrayList<>();
        while (true) {
            Token token = tokens.current();
            if (token.kind() == Token.Kind.OPERATOR && COMPARISONS.contains(token.text())) {
                tokens.next();
                links.add(new Expr.Link(token.text(), sum()));
            } else if (tokens.skipName("in")) {
                links.add(new Expr.Link("in", sum()));
            } else if (tokens.isName("not") && tokens.look().isName("in")) {
                tokens.next();
                tokens.next();
                links.add(new Expr.Link("not in", sum()));
            } else {
                return links.isEmpty() ? first : new Expr.Comparison(first, links);
            }
        }
    }

    private Expr sum() {
        Expr left = concat();
        while (tokens.isOperator("+", "-")) {
            left = new Expr.Binary(tokens.next().text(), left, concat());
        }
        return left;
    }

    private Expr concat() {
        Expr first = product();
        if (!tokens.isOperator("~")) {
            return first;
        }
        List<Expr> parts = new ArrayList<>(List.of(first));
        while (tokens.skipOperator("~")) {
            parts.add(product());
        }
        return new Expr.Concat(parts);
    }

    private Expr product() {
        Expr left = power();
        while (tokens.isOperator("*", "/", "//", "%")) {
            left = new Expr.Binary(tokens.next().text(), left, power());
        }
        return left;
    }

    private Expr power() {
        Expr left = unary(true);
        while (tokens.skipOperator("**")) {
            left = new Expr.Binary("**", left, unary(true));
        }
        return left;
    }

    private Expr unary(boolean filters) {
        Expr expr;
        if (tokens.isOperator("-", "+")) {
            tokens.enter();
            expr = new Expr.Sign(tokens.next().text(), unary(false));
            tokens.leave();
        } else {
            expr = primary();
        }
        expr = postfix(expr);
        return filters ? filters(expr) : expr;
    }

    /** A name, a literal, or something in brackets. */
    Expr primary() {
        Token token = tokens.current();
        switch (token.kind()) {
            case NAME -> {
                tokens.next();
                return name(token.text());
            }
            case STRING -> {
                StringBuilder text = new StringBuilder();
                while (tokens.is(Token.Kind.STRING)) {
                    text.append(tokens.next().text());
                }
                return new Expr.Const(text.toString());
            }
            case INTEGER -> {
                return new Expr.Const(Literals.integer(tokens.next()));
            }
            case FLOAT -> {
                return new Expr.Const(Double.parseDouble(tokens.next().text().replace("_", "")));
            }
            default -> {
                if (tokens.skipOperator("(")) {
                    tokens.enter();
                    Expr inner = tuple(true, null, true);
                    tokens.leave();
                    tokens.expectOperator(")");
                    return inner;
                }
                if (tokens.isOperator("[")) {
                    return new Expr.ListOf(items("[", "]"));
                }
                if (tokens.isOperator("{")) {
                    return new Expr.DictOf(items("{", "}"));
                }
                throw tokens.fail("unexpected %s", Repr.quote(token.describe()));
            }
        }
    }

    private Expr name(String name) {
        return switch (name) {
            case "true", "True" -> new Expr.Const(true);
            case "false", "False" -> new Expr.Const(false);
            case "none", "None" -> NONE;
            default -> {
                if (name.equals("caller") || name.equals("kwargs") || name.equals("varargs")) {
                    extras.forEach(macro -> macro.add(name));
                }
                yield new Expr.Name(name);
            }
        };
    }

    /** Of a list; or keys and values of a dict, by turns. */
    private List<Expr> items(String open, String close) {
        tokens.expectOperator(open);
        List<Expr> items = new ArrayList<>();
        while (!tokens.isOperator(close)) {
            if (!items.isEmpty()) {
                tokens.expectOperator(",");
            }
            if (tokens.isOperator(close)) {
                break;
            }
            items.add(expression());
            if (open.equals("{")) {
                tokens.expectOperator(":");
                items.add(expression());
            }
        }
        tokens.expectOperator(close);
        return items;
    }

    private Expr postfix(Expr start) {
        Expr expr = start;
        while (true) {
            if (tokens.skipOperator(".")) {
                Token name = tokens.next();
                if (name.kind() == Token.Kind.NAME) {
                    expr = new Expr.Attribute(expr, name.text());
                } else if (name.kind() == Token.Kind.INTEGER) {
                    expr = new Expr.Item(expr, new Expr.Const(Literals.integer(name)));
                } else {
                    throw JinjaError.at(name.line(), "expected name or number");
                }
            } else if (tokens.isOperator("[")) {
                expr = subscript(expr);
            } else if (tokens.isOperator("(")) {
                expr = new Expr.Call(expr, arguments());
            } else {
                return expr;
            }
        }
    }

    private Expr subscript(Expr owner) {
        tokens.expectOperator("[");
        List<Expr> keys = new ArrayList<>();
        boolean slices = false;
        while (!tokens.isOperator("]")) {
            if (!keys.isEmpty()) {
                tokens.expectOperator(",");
            }
            Expr from = tokens.isOperator(":") ? NONE : expression();
            if (tokens.skipOperator(":")) {
                slices = true;
                Expr to = bound();
                keys.add(new Expr.Slice(owner, from, to, tokens.skipOperator(":") ? bound() : NONE));
            } else {
                keys.add(from);
            }
        }
        tokens.expectOperator("]");
        if (slices && keys.size() > 1) {
            throw tokens.fail("slices of several dimensions are not supported");
        }
        return slices ? keys.get(0) : new Expr.Item(owner, keys.size() == 1 ? keys.get(0) : new Expr.TupleOf(keys));
    }

    private Expr bound() {
        return tokens.isOperator(":", "]", ",") ? NONE : expression();
    }

    private Expr filters(Expr start) {
        Expr expr = start;
        while (true) {
            if (tokens.skipOperator("|")) {
                expr = filter(expr);
            } else if (tokens.isName("is")) {
                expr = test(expr);
            } else if (tokens.isOperator("(")) {
                expr = new Expr.Call(expr, arguments());
            } else {
                return expr;
            }
        }
    }

    /** The filter whose name comes next, and all that follow. */
    Expr chain(Expr value) {
        Expr expr = filter(value);
        while (tokens.skipOperator("|")) {
            expr = filter(expr);
        }
        return expr;
    }

    private Expr filter(Expr value) {
        Token token = tokens.current();
        String name = dottedName();
        Expr.Arguments arguments = tokens.isOperator("(") ? arguments() : Expr.Arguments.NONE;
        if (Filters.find(name) == null) {
            unknowns.add(token, "filter", name);
        }
        return new Expr.Filtered(value, name, arguments);
    }

    private String dottedName() {
        StringBuilder name = new StringBuilder(tokens.expect(Token.Kind.NAME).text());
        while (tokens.skipOperator(".")) {
            name.append('.').append(tokens.expect(Token.Kind.NAME).text());
        }
        return name.toString();
    }

    private Expr test(Expr value) {
        tokens.expectName("is");
        boolean negated = tokens.skipName("not");
        Token token = tokens.current();
        String name = dottedName();
        Expr.Arguments arguments = Expr.Arguments.NONE;
        if (tokens.isOperator("(")) {
            arguments = arguments();
        } else if (startsValue() && !tokens.isName("else", "or", "and")) {
            if (tokens.isName("is")) {
                throw tokens.fail("You cannot chain multiple tests with is");
            }
            arguments = new Expr.Arguments(List.of(postfix(primary())), Map.of(), null, null);
        }
        if (Tests.find(name) == null) {
            unknowns.add(token, "test", name);
        }
        Expr test = new Expr.Tested(value, name, arguments);
        return negated ? new Expr.Not(test) : test;
    }

    private boolean startsValue() {
        return switch (tokens.current().kind()) {
            case NAME, STRING, INTEGER, FLOAT -> true;
            default -> tokens.isOperator("[", "{");
        };
    }

    private Expr.Arguments arguments() {
        Token open = tokens.expectOperator("(");
        List<Expr> list = new ArrayList<>();
        Map<String, Expr> named = new LinkedHashMap<>();
        Expr moreList = null;
        Expr moreNamed = null;
        for (boolean first = true; !tokens.isOperator(")"); first = false) {
            if (!first) {
                tokens.expectOperator(",");
                if (tokens.isOperator(")")) {
                    break;
                }
            }
            boolean isNamed = tokens.is(Token.Kind.NAME) && tokens.look().isOperator("=");
            boolean misplaced = moreNamed != null
                    || (moreList != null && !isNamed && !tokens.isOperator("**"))
                    || (!named.isEmpty() && !isNamed && !tokens.isOperator("*", "**"));
            if (misplaced) {
                throw JinjaError.at(open.line(), "invalid syntax for function call expression");
            }
            if (tokens.skipOperator("*")) {
                moreList = expression();
            } else if (tokens.skipOperator("**")) {
                moreNamed = expression();
            } else if (isNamed) {
                String name = tokens.next().text();
                tokens.next();
                if (named.put(name, expression()) != null) {
                    throw JinjaError.at(open.line(), "keyword argument repeated: %s", name);
                }
            } else {
                list.add(expression());
            }
        }
        tokens.expectOperator(")");
        return new Expr.Arguments(list, named, moreList, moreNamed);
    }
}
