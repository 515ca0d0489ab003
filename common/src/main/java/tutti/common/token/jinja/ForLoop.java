package tutti.common.token.jinja;

import java.util.Iterator;
import java.util.List;

/**
 * {@code {% for target in items if test recursive %}body{% else %}otherwise{% endfor %}}. Each round has a scope of its own.
 *
 * @param test null if every item counts
 */
record ForLoop(
        int line,
        Target target,
        Expr items,
        Expr test,
        boolean recursive,
        List<Statement> body,
        List<Statement> otherwise)
        implements Statement {

    @Override
    public Flow run(Scope scope) {
        return rounds(scope, scope.value(items), 0);
    }

    private Flow rounds(Scope scope, Object values, int depth) {
        Iterator<Object> items = Kinds.iterate(scope.budget(), values);
        Object counted = values;
        if (test != null) {
            // Asked for one by one: the body may change what the test looks at.
            items = ListFilters.mapped(items, item -> passes(scope, item) ? item : Args.MISSING);
            counted = null;
        }
        Loop loop = new Loop(counted, items, depth, recursive ? deeper -> again(scope, deeper, depth + 1) : null);
        boolean completed = false;
        while (loop.hasNext()) {
            Scope round = scope.inner();
            target.assign(round, loop.next());
            round.set("loop", loop);
            Flow flow = round.run(body);
            completed |= flow == Flow.ON;
            if (flow == Flow.BREAK) {
                break;
            }
        }
        // As Jinja2 does: a round that was left by break or continue does not count.
        return completed || otherwise.isEmpty() ? Flow.ON : scope.inner().run(otherwise);
    }

    private String again(Scope scope, Object values, int depth) {
        StringBuilder outer = scope.rendering().hold();
        rounds(scope, values, depth);
        return scope.rendering().release(outer);
    }

    private boolean passes(Scope scope, Object item) {
        Scope inner = scope.inner();
        target.assign(inner, item);
        return inner.truth(test);
    }
}
