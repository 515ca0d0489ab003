package tutti.common.token.jinja;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/** Statements, after {@code jinja2/parser.py}, with the tags of its loop controls and of transformers' generation blocks. */
final class Parser {
    private final Tokens tokens;
    private final Unknowns unknowns = new Unknowns();
    private final ExprParser exprs;
    private final Deque<String> openTags = new ArrayDeque<>();
    private final Deque<String[]> wanted = new ArrayDeque<>();
    private int loops;

    /** The first break or continue outside of all loops. Python finds it last of all that is wrong. */
    private JinjaError misplaced;

    private Parser(Tokens tokens) {
        this.tokens = tokens;
        this.exprs = new ExprParser(tokens, unknowns);
    }

    static List<Statement> parse(String source) {
        Parser parser = new Parser(new Tokens(Lexer.tokens(source)));
        List<Statement> template = parser.statements();
        parser.unknowns.check();
        if (parser.misplaced != null) {
            throw parser.misplaced;
        }
        return template;
    }

    /** Until one of these tags, which is left to the caller; without any, until the end. */
    private List<Statement> statements(String... ends) {
        tokens.enter();
        if (ends.length > 0) {
            wanted.push(ends);
        }
        List<Statement> body = new ArrayList<>();
        while (!tokens.is(Token.Kind.END)) {
            Token token = tokens.next();
            switch (token.kind()) {
                case DATA -> body.add(new Statement.Text(token.line(), token.text()));
                case VARIABLE_BEGIN -> {
                    body.add(new Statement.Print(token.line(), exprs.tuple(true, null)));
                    tokens.expect(Token.Kind.VARIABLE_END);
                }
                default -> {
                    if (ends.length > 0 && tokens.isName(ends)) {
                        wanted.pop();
                        tokens.leave();
                        return body;
                    }
                    body.addAll(statement());
                    tokens.expect(Token.Kind.BLOCK_END);
                }
            }
        }
        if (ends.length > 0) {
            throw unexpected(null);
        }
        tokens.leave();
        return body;
    }

    /** What stands behind the head of a tag, up to one of these tags. */
    private List<Statement> body(String... ends) {
        tokens.skipOperator(":");
        tokens.expect(Token.Kind.BLOCK_END);
        return statements(ends);
    }

    /** The body of a block with a scope of its own, behind whose end the parser goes on. */
    private List<Statement> block(String... ends) {
        int mark = unknowns.mark();
        List<Statement> body = body(ends);
        unknowns.refuse(mark);
        return body;
    }

    private List<Statement> closedBlock(String end) {
        List<Statement> body = block(end);
        tokens.next();
        return body;
    }

    /** A body that loops outside of it cannot be left from. */
    private <T> T apart(Supplier<T> parse) {
        int outer = loops;
        loops = 0;
        T parsed = parse.get();
        loops = outer;
        return parsed;
    }

    private List<Statement> statement() {
        Token tag = tokens.current();
        if (tag.kind() != Token.Kind.NAME) {
            throw tokens.fail("tag name expected");
        }
        openTags.push(tag.text());
        int line = tag.line();
        List<Statement> parsed = switch (tag.text()) {
            case "if" -> List.of(parseIf(line));
            case "for" -> List.of(parseFor(line));
            case "set" -> List.of(parseSet(line));
            case "macro" -> List.of(parseMacro(line));
            case "call" -> List.of(parseCall(line));
            case "filter" -> List.of(parseFilter(line));
            case "with" -> List.of(parseWith(line));
            case "print" -> parsePrint(line);
            case "generation" -> List.of(parseGeneration(line));
            case "break", "continue" -> List.of(parseJump(line));
            case "block", "extends", "include", "import", "from", "autoescape" ->
                throw tokens.fail("the tag '%s' is not supported in a chat template", tag.text());
            default -> {
                openTags.pop();
                throw unexpected(tag.text());
            }
        };
        openTags.pop();
        return parsed;
    }

    /** @param tag null at the end of the template */
    private JinjaError unexpected(String tag) {
        String message = tag == null ? "Unexpected end of template." : "Encountered unknown tag '%s'.".formatted(tag);
        if (!wanted.isEmpty()) {
            String names = Arrays.stream(wanted.peek()).map(Repr::quote).collect(Collectors.joining(" or "));
            boolean nesting = tag != null
                    && wanted.stream().anyMatch(ends -> List.of(ends).contains(tag));
            message += nesting
                    ? " You probably made a nesting mistake. Jinja is expecting this tag, but currently looking for "
                            + names + "."
                    : " Jinja was looking for the following tags: " + names + ".";
        }
        if (!openTags.isEmpty()) {
            message += " The innermost block that needs to be closed is '" + openTags.peek() + "'.";
        }
        return new JinjaError(tokens.current().line(), message);
    }

    private Statement parseIf(int line) {
        int mark = unknowns.mark();
        List<Statement.Branch> branches = new ArrayList<>();
        do {
            tokens.next();
            Expr test = exprs.tuple(false, null);
            branches.add(new Statement.Branch(test, body("elif", "else", "endif")));
        } while (tokens.isName("elif"));
        List<Statement> otherwise = tokens.next().isName("else") ? body("endif") : List.of();
        if (tokens.isName("endif")) {
            tokens.next();
        }
        unknowns.allow(mark);
        return new Statement.If(line, branches, otherwise);
    }

    private Statement parseFor(int line) {
        tokens.next();
        Target target = target("in", false);
        tokens.expectName("in");
        Expr items = exprs.tuple(false, "recursive");
        int mark = unknowns.mark();
        Expr test = tokens.skipName("if") ? exprs.expression() : null;
        boolean recursive = tokens.skipName("recursive");
        loops++;
        List<Statement> body = block("endfor", "else");
        loops--;
        List<Statement> otherwise = tokens.next().isName("else") ? closedBlock("endfor") : List.of();
        unknowns.refuse(mark);
        return new ForLoop(line, target, items, test, recursive, body, otherwise);
    }

    private Statement parseSet(int line) {
        tokens.next();
        Target target = target(null, true);
        if (tokens.skipOperator("=")) {
            return new Statement.Set(line, target, exprs.tuple(true, null));
        }
        Expr body = new Expr.Name(Statement.Captured.BODY);
        Expr value = tokens.skipOperator("|") ? exprs.chain(body) : body;
        return new Statement.Captured(line, target, value, closedBlock("endset"));
    }

    private Statement parseFilter(int line) {
        tokens.next();
        int mark = unknowns.mark();
        Expr value = exprs.chain(new Expr.Name(Statement.Captured.BODY));
        List<Statement> body = closedBlock("endfilter");
        unknowns.refuse(mark);
        return new Statement.Captured(line, null, value, body);
    }

    private Statement parseWith(int line) {
        tokens.next();
        List<Target> targets = new ArrayList<>();
        List<Expr> values = new ArrayList<>();
        while (!tokens.is(Token.Kind.BLOCK_END)) {
            if (!targets.isEmpty()) {
                tokens.expectOperator(",");
            }
            targets.add(target(null, false));
            tokens.expectOperator("=");
            values.add(exprs.expression());
        }
        return new Statement.With(line, targets, values, closedBlock("endwith"));
    }

    private List<Statement> parsePrint(int line) {
        tokens.next();
        List<Statement> prints = new ArrayList<>();
        while (!tokens.is(Token.Kind.BLOCK_END)) {
            if (!prints.isEmpty()) {
                tokens.expectOperator(",");
            }
            prints.add(new Statement.Print(line, exprs.expression()));
        }
        return prints;
    }

    private Statement parseGeneration(int line) {
        tokens.next();
        return new Statement.Generation(line, apart(() -> closedBlock("endgeneration")));
    }

    private Statement parseJump(int line) {
        boolean isBreak = tokens.isName("break");
        if (loops == 0 && misplaced == null) {
            misplaced = tokens.fail(isBreak ? "'break' outside loop" : "'continue' not properly in loop");
        }
        tokens.next();
        return new Statement.Jump(line, isBreak ? Statement.Flow.BREAK : Statement.Flow.CONTINUE);
    }

    private Statement parseMacro(int line) {
        tokens.next();
        return new Statement.Define(line, macro(tokens.expect(Token.Kind.NAME).text(), "endmacro"));
    }

    private Statement parseCall(int line) {
        tokens.next();
        // The call stands between the parameters and the body, and does not belong to the macro.
        List<String> parameters = new ArrayList<>();
        List<Expr> defaults = new ArrayList<>();
        if (tokens.isOperator("(")) {
            signature(parameters, defaults);
        }
        Expr call = exprs.expression();
        if (!(call instanceof Expr.Call made)) {
            throw JinjaError.at(line, "expected call");
        }
        return new Statement.CallBlock(line, made, recipe(null, parameters, defaults, "endcall"));
    }

    private Macro.Recipe macro(String name, String end) {
        List<String> parameters = new ArrayList<>();
        List<Expr> defaults = new ArrayList<>();
        signature(parameters, defaults);
        return recipe(name, parameters, defaults, end);
    }

    private Macro.Recipe recipe(String name, List<String> parameters, List<Expr> defaults, String end) {
        TreeSet<String> extras = new TreeSet<>();
        exprs.extras().push(extras);
        List<Statement> body = apart(() -> closedBlock(end));
        exprs.extras().pop();
        return new Macro.Recipe(name, parameters, defaults, body, extras);
    }

    private void signature(List<String> parameters, List<Expr> defaults) {
        tokens.expectOperator("(");
        while (!tokens.isOperator(")")) {
            if (!parameters.isEmpty()) {
                tokens.expectOperator(",");
            }
            String name = tokens.expect(Token.Kind.NAME).text();
            if (tokens.skipOperator("=")) {
                defaults.add(exprs.expression());
            } else if (!defaults.isEmpty()) {
                throw tokens.fail("non-default argument follows default argument");
            }
            if (parameters.contains(name)) {
                throw tokens.fail("duplicate argument '%s' in function definition", name);
            }
            parameters.add(name);
        }
        tokens.expectOperator(")");
    }

    /**
     * Names, separated by commas.
     *
     * @param end the name behind a loop's targets, or null
     * @param namespaces whether {@code ns.x} may stand here
     */
    private Target target(String end, boolean namespaces) {
        int line = tokens.current().line();
        List<Target> targets = new ArrayList<>();
        boolean several = false;
        while (!(end != null && tokens.isName(end)) && !tokens.is(Token.Kind.BLOCK_END)) {
            Token name = tokens.current();
            Expr expr = exprs.primary();
            if (namespaces && expr instanceof Expr.Name && tokens.skipOperator(".")) {
                targets.add(new Target.Attribute(
                        name.text(), tokens.expect(Token.Kind.NAME).text()));
            } else {
                targets.add(target(expr, line));
            }
            if (!tokens.skipOperator(",")) {
                break;
            }
            several = true;
        }
        if (targets.isEmpty()) {
            throw tokens.fail(
                    "Expected an expression, got %s",
                    Repr.quote(tokens.current().describe()));
        }
        Target target = several ? new Target.Several(targets) : targets.get(0);
        if (end != null && target.equals(new Target.Variable("loop"))) {
            throw JinjaError.at(line, "Can't assign to special loop variable in for-loop target");
        }
        return target;
    }

    private static Target target(Expr expr, int line) {
        if (expr instanceof Expr.Name name) {
            return new Target.Variable(name.name());
        }
        if (expr instanceof Expr.TupleOf tuple) {
            return new Target.Several(
                    tuple.items().stream().map(item -> target(item, line)).toList());
        }
        String kind = expr instanceof Expr.Const
                ? "const"
                : expr instanceof Expr.ListOf ? "list" : expr instanceof Expr.DictOf ? "dict" : "expression";
        throw JinjaError.at(line, "can't assign to '%s'", kind);
    }
}
