package tutti.common.token.jinja;

import java.util.ArrayList;
import java.util.List;

/** A piece of a template: what it consists of, and what it does in a scope. Bodies are run by {@link Scope#run}. */
sealed interface Statement
        permits Statement.Text,
                Statement.Print,
                Statement.If,
                Statement.Set,
                Statement.Captured,
                Statement.Define,
                Statement.CallBlock,
                Statement.With,
                Statement.Generation,
                Statement.Jump,
                ForLoop {

    /** How it goes on behind a statement. */
    enum Flow {
        ON,
        BREAK,
        CONTINUE
    }

    int line();

    Flow run(Scope scope);

    record Text(int line, String text) implements Statement {
        @Override
        public Flow run(Scope scope) {
            scope.rendering().write(text);
            return Flow.ON;
        }
    }

    record Print(int line, Expr value) implements Statement {
        @Override
        public Flow run(Scope scope) {
            scope.rendering().write(Repr.str(scope.budget(), scope.value(value)));
            return Flow.ON;
        }
    }

    record Branch(Expr test, List<Statement> body) {}

    /** No scope of its own: what a branch sets stays. */
    record If(int line, List<Branch> branches, List<Statement> otherwise) implements Statement {
        @Override
        public Flow run(Scope scope) {
            for (Branch branch : branches) {
                if (scope.truth(branch.test())) {
                    return scope.run(branch.body());
                }
            }
            return scope.run(otherwise);
        }
    }

    record Set(int line, Target target, Expr value) implements Statement {
        @Override
        public Flow run(Scope scope) {
            target.assign(scope, scope.value(value));
            return Flow.ON;
        }
    }

    /**
     * The text of a body, through filters, into a variable or onto the page.
     *
     * @param target null for the page
     * @param value an expression of the name {@link #BODY}
     */
    record Captured(int line, Target target, Expr value, List<Statement> body) implements Statement {
        /** No template can write this name. */
        static final String BODY = "{body}";

        @Override
        public Flow run(Scope scope) {
            StringBuilder outer = scope.rendering().hold();
            Scope inner = scope.inner();
            Flow flow = inner.run(body);
            inner.set(BODY, scope.rendering().release(outer));
            if (flow == Flow.ON && target != null) {
                target.assign(scope, inner.value(value));
            } else if (flow == Flow.ON) {
                scope.rendering().write(Repr.str(scope.budget(), inner.value(value)));
            }
            return flow;
        }
    }

    record Define(int line, Macro.Recipe macro) implements Statement {
        @Override
        public Flow run(Scope scope) {
            scope.set(macro.name(), new Macro(macro, scope));
            return Flow.ON;
        }
    }

    /** {@code {% call(x) f() %}}: the body is a macro that {@code f} knows as {@code caller}. */
    record CallBlock(int line, Expr.Call call, Macro.Recipe body) implements Statement {
        @Override
        public Flow run(Scope scope) {
            Object result = call.call(scope, new Macro(body, scope));
            scope.rendering().write(Repr.str(scope.budget(), result));
            return Flow.ON;
        }
    }

    record With(int line, List<Target> targets, List<Expr> values, List<Statement> body) implements Statement {
        @Override
        public Flow run(Scope scope) {
            // All values are those of outside.
            List<Object> found = new ArrayList<>();
            values.forEach(value -> found.add(scope.value(value)));
            Scope inner = scope.inner();
            for (int i = 0; i < found.size(); i++) {
                targets.get(i).assign(inner, found.get(i));
            }
            return inner.run(body);
        }
    }

    /** The assistant's own words: written as they are, and their place is noted. */
    record Generation(int line, List<Statement> body) implements Statement {
        @Override
        public Flow run(Scope scope) {
            StringBuilder outer = scope.rendering().hold();
            scope.inner().run(body);
            String text = scope.rendering().release(outer);
            scope.rendering().generated(text);
            scope.rendering().write(text);
            return Flow.ON;
        }
    }

    record Jump(int line, Flow flow) implements Statement {
        @Override
        public Flow run(Scope scope) {
            return flow;
        }
    }
}
