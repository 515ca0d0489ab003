package tutti.common.token.jinja;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** An expression: what it consists of, and what it is worth in a scope. Parts are evaluated by {@link Scope#value}. */
sealed interface Expr {
    Object eval(Scope scope);

    record Const(Object value) implements Expr {
        @Override
        public Object eval(Scope scope) {
            return value;
        }
    }

    record Name(String name) implements Expr {
        @Override
        public Object eval(Scope scope) {
            return scope.get(name);
        }
    }

    record ListOf(List<Expr> items) implements Expr {
        @Override
        public Object eval(Scope scope) {
            scope.budget().charge(8L * items.size());
            List<Object> values = new ArrayList<>(items.size());
            items.forEach(item -> values.add(scope.value(item)));
            return values;
        }
    }

    record TupleOf(List<Expr> items) implements Expr {
        @Override
        public Object eval(Scope scope) {
            List<Object> values = new ArrayList<>(items.size());
            items.forEach(item -> values.add(scope.value(item)));
            return new Tuple(values);
        }
    }

    /** @param items key, value, key, value */
    record DictOf(List<Expr> items) implements Expr {
        @Override
        public Object eval(Scope scope) {
            scope.budget().charge(8L * items.size());
            Map<Object, Object> values = new LinkedHashMap<>();
            for (int i = 0; i < items.size(); i += 2) {
                Object key = Kinds.key(scope.budget(), scope.value(items.get(i)));
                values.put(key, scope.value(items.get(i + 1)));
            }
            return values;
        }
    }

    record Attribute(Expr owner, String name) implements Expr {
        @Override
        public Object eval(Scope scope) {
            return Lookup.attribute(scope.rendering(), scope.value(owner), name);
        }
    }

    record Item(Expr owner, Expr key) implements Expr {
        @Override
        public Object eval(Scope scope) {
            return Lookup.item(scope.rendering(), scope.value(owner), scope.value(key));
        }
    }

    /** {@code owner[from:to:by]}; a bound that is left out is a {@link Const} of null. */
    record Slice(Expr owner, Expr from, Expr to, Expr by) implements Expr {
        @Override
        public Object eval(Scope scope) {
            return Lookup.slice(
                    scope.rendering(), scope.value(owner), scope.value(from), scope.value(to), scope.value(by));
        }
    }

    record Call(Expr callee, Arguments arguments) implements Expr {
        @Override
        public Object eval(Scope scope) {
            return call(scope, Args.MISSING);
        }

        /** @param caller what the macro calls {@code caller()}, or MISSING */
        Object call(Scope scope, Object caller) {
            Object target = scope.value(callee);
            Args args = arguments.eval(scope);
            if (caller != Args.MISSING) {
                Map<String, Object> named = new LinkedHashMap<>(args.named());
                named.put("caller", caller);
                args = new Args(args.list(), named);
            }
            if (target instanceof Undefined undefined) {
                throw undefined.fail();
            }
            if (target instanceof Function function) {
                return function.call(scope.rendering(), args);
            }
            throw JinjaError.of("'%s' object is not callable", Kinds.name(target));
        }
    }

    /** {@code value | name(arguments)}. */
    record Filtered(Expr value, String name, Arguments arguments) implements Expr {
        @Override
        public Object eval(Scope scope) {
            Filters.Filter filter = Filters.find(name);
            if (filter == null) {
                throw JinjaError.of("No filter named %s found.", Repr.quote(name));
            }
            return filter.apply(scope.rendering(), scope.value(value), arguments.eval(scope));
        }
    }

    /** {@code value is name(arguments)}. */
    record Tested(Expr value, String name, Arguments arguments) implements Expr {
        @Override
        public Object eval(Scope scope) {
            Tests.Test test = Tests.find(name);
            if (test == null) {
                throw JinjaError.of("No test named %s found.", Repr.quote(name));
            }
            return test.holds(scope.rendering(), scope.value(value), arguments.eval(scope));
        }
    }

    record Not(Expr value) implements Expr {
        @Override
        public Object eval(Scope scope) {
            return !scope.truth(value);
        }
    }

    record And(Expr left, Expr right) implements Expr {
        @Override
        public Object eval(Scope scope) {
            Object first = scope.value(left);
            return Kinds.truth(first) ? scope.value(right) : first;
        }
    }

    record Or(Expr left, Expr right) implements Expr {
        @Override
        public Object eval(Scope scope) {
            Object first = scope.value(left);
            return Kinds.truth(first) ? first : scope.value(right);
        }
    }

    /** {@code then if test else otherwise}. */
    record Choice(Expr test, Expr then, Expr otherwise) implements Expr {
        @Override
        public Object eval(Scope scope) {
            return scope.value(scope.truth(test) ? then : otherwise);
        }
    }

    /** The value of {@code a if test} where the test is false. */
    record NoElse() implements Expr {
        @Override
        public Object eval(Scope scope) {
            return new Undefined(
                    "the inline if-expression on line %d evaluated to false and no else section was defined."
                            .formatted(scope.rendering().line()));
        }
    }

    /** One step of a chain of comparisons. */
    record Link(String operator, Expr right) {}

    /** {@code a < b < c}: the middle is evaluated once. */
    record Comparison(Expr first, List<Link> links) implements Expr {
        @Override
        public Object eval(Scope scope) {
            Object left = scope.value(first);
            for (Link link : links) {
                Object right = scope.value(link.right());
                if (!holds(scope.budget(), link.operator(), left, right)) {
                    return false;
                }
                left = right;
            }
            return true;
        }

        private static boolean holds(Budget budget, String operator, Object left, Object right) {
            return switch (operator) {
                case "==" -> Compare.equal(budget, left, right);
                case "!=" -> !Compare.equal(budget, left, right);
                case "in" -> Compare.contains(budget, right, left);
                case "not in" -> !Compare.contains(budget, right, left);
                default -> Compare.test(budget, operator, left, right);
            };
        }
    }

    record Binary(String operator, Expr left, Expr right) implements Expr {
        @Override
        public Object eval(Scope scope) {
            return Operators.apply(scope.rendering(), operator, scope.value(left), scope.value(right));
        }
    }

    record Sign(String operator, Expr value) implements Expr {
        @Override
        public Object eval(Scope scope) {
            return Operators.sign(operator, scope.value(value));
        }
    }

    /** {@code a ~ b ~ c}. */
    record Concat(List<Expr> parts) implements Expr {
        @Override
        public Object eval(Scope scope) {
            StringBuilder text = new StringBuilder();
            for (Expr part : parts) {
                String more = Repr.str(scope.budget(), scope.value(part));
                scope.budget().make(text.length() + (long) more.length());
                text.append(more);
            }
            return text.toString();
        }
    }

    /**
     * What stands in the brackets of a call.
     *
     * @param moreList {@code *args}, or null
     * @param moreNamed {@code **kwargs}, or null
     */
    record Arguments(List<Expr> list, Map<String, Expr> named, Expr moreList, Expr moreNamed) {
        static final Arguments NONE = new Arguments(List.of(), Map.of(), null, null);

        Args eval(Scope scope) {
            if (this == NONE) {
                return Args.NONE;
            }
            List<Object> places = new ArrayList<>(list.size());
            list.forEach(item -> places.add(scope.value(item)));
            Map<String, Object> names = named.isEmpty() ? new HashMap<>() : new LinkedHashMap<>();
            named.forEach((name, item) -> names.put(name, scope.value(item)));
            if (moreList != null) {
                places.addAll(Kinds.list(scope.budget(), scope.value(moreList)));
            }
            if (moreNamed != null) {
                if (!(scope.value(moreNamed) instanceof Map<?, ?> map)) {
                    throw JinjaError.of("argument after ** must be a mapping");
                }
                map.forEach((name, value) -> names.put(Repr.str(scope.budget(), name), value));
            }
            return new Args(places, names);
        }
    }
}
