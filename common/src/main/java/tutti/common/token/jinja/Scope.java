package tutti.common.token.jinja;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The variables of one place: a name is looked for here and then outside; a new value stays here. */
final class Scope {
    private final Rendering rendering;
    private final Scope outer;
    private final Map<String, Object> values;

    private Scope(Rendering rendering, Scope outer, Map<String, Object> values) {
        this.rendering = rendering;
        this.outer = outer;
        this.values = values;
    }

    static Scope of(Rendering rendering, Map<String, Object> values) {
        return new Scope(rendering, null, values);
    }

    Scope inner() {
        return inner(new HashMap<>());
    }

    Scope inner(Map<String, Object> values) {
        return new Scope(rendering, this, values);
    }

    Rendering rendering() {
        return rendering;
    }

    Budget budget() {
        return rendering.budget();
    }

    Object get(String name) {
        for (Scope at = this; at != null; at = at.outer) {
            Object found = at.values.getOrDefault(name, Args.MISSING);
            if (found != Args.MISSING) {
                return found;
            }
        }
        return Undefined.name(name);
    }

    void set(String name, Object value) {
        values.put(name, value);
    }

    /** All evaluation goes through here, so that no nesting can exhaust the stack. */
    Object value(Expr expr) {
        budget().enter();
        Object value = expr.eval(this);
        budget().leave();
        return value;
    }

    boolean truth(Expr expr) {
        return Kinds.truth(value(expr));
    }

    Statement.Flow run(List<Statement> body) {
        budget().enter();
        Statement.Flow flow = Statement.Flow.ON;
        for (int i = 0; i < body.size() && flow == Statement.Flow.ON; i++) {
            Statement statement = body.get(i);
            budget().charge(1);
            rendering.at(statement.line());
            flow = statement.run(this);
        }
        budget().leave();
        return flow;
    }
}
