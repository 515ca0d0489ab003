package tutti.common.token.jinja;

import java.util.List;

/** Where a value goes: a name, an attribute of a namespace, or several of them for the items of a list. */
sealed interface Target {
    void assign(Scope scope, Object value);

    record Variable(String name) implements Target {
        @Override
        public void assign(Scope scope, Object value) {
            scope.set(name, value);
        }
    }

    record Attribute(String namespace, String name) implements Target {
        @Override
        public void assign(Scope scope, Object value) {
            if (!(scope.get(namespace) instanceof Namespace found)) {
                throw JinjaError.of("cannot assign attribute on non-namespace object");
            }
            scope.budget().charge(8);
            found.attributes().put(name, value);
        }
    }

    record Several(List<Target> targets) implements Target {
        @Override
        public void assign(Scope scope, Object value) {
            List<Object> items = unpack(scope.budget(), value, targets.size());
            for (int i = 0; i < items.size(); i++) {
                targets.get(i).assign(scope, items.get(i));
            }
        }
    }

    /** The items of a value that has to have so many. */
    static List<Object> unpack(Budget budget, Object value, int count) {
        if (!Kinds.isIterable(value)) {
            throw JinjaError.of("cannot unpack non-iterable %s object", Kinds.name(value));
        }
        List<Object> items = Kinds.list(budget, value);
        if (items.size() < count) {
            throw JinjaError.of("not enough values to unpack (expected %d, got %d)", count, items.size());
        }
        if (items.size() > count) {
            throw JinjaError.of("too many values to unpack (expected %d)", count);
        }
        return items;
    }
}
