package tutti.common.token.jinja;

import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;

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
            items = new Kept(scope, items);
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

    /** The items that pass the test, asked for one by one: the body may change what the test looks at. */
    private final class Kept implements Iterator<Object> {
        private final Scope scope;
        private final Iterator<Object> all;
        private Object next = Args.MISSING;

        Kept(Scope scope, Iterator<Object> all) {
            this.scope = scope;
            this.all = all;
        }

        @Override
        public boolean hasNext() {
            while (next == Args.MISSING && all.hasNext()) {
                Object item = all.next();
                Scope inner = scope.inner();
                target.assign(inner, item);
                next = inner.truth(test) ? item : Args.MISSING;
            }
            return next != Args.MISSING;
        }

        @Override
        public Object next() {
            if (!hasNext()) {
                throw new NoSuchElementException();
            }
            Object item = next;
            next = Args.MISSING;
            return item;
        }
    }
}
