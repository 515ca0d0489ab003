package tutti.common.token.jinja;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** What can follow {@code is}. */
final class Tests {
    private static final Map<String, Test> ALL = new HashMap<>();

    private Tests() {}

    @FunctionalInterface
    interface Test {
        boolean holds(Rendering rendering, Object value, Args args);
    }

    /** Null if there is none of that name. */
    static Test find(String name) {
        return ALL.get(name);
    }

    static Test named(Rendering rendering, Object name) {
        Test test = find(Repr.str(rendering.budget(), name));
        if (test == null) {
            throw JinjaError.of("No test named %s.", Repr.repr(rendering.budget(), name));
        }
        return test;
    }

    static {
        add("defined", "", (r, v, a) -> !(v instanceof Undefined));
        add("undefined", "", (r, v, a) -> v instanceof Undefined);
        add("none", "", (r, v, a) -> v == null);
        add("boolean", "", (r, v, a) -> v instanceof Boolean);
        add("true", "", (r, v, a) -> Boolean.TRUE.equals(v));
        add("false", "", (r, v, a) -> Boolean.FALSE.equals(v));
        add("integer", "", (r, v, a) -> v instanceof Long);
        add("float", "", (r, v, a) -> v instanceof Double);
        add("number", "", (r, v, a) -> Compare.isNumber(v));
        add("string", "", (r, v, a) -> v instanceof String);
        add("mapping", "", (r, v, a) -> v instanceof Map);
        add(
                "sequence",
                "",
                (r, v, a) -> v instanceof String || v instanceof List || v instanceof Map || v instanceof Undefined);
        add("iterable", "", (r, v, a) -> Kinds.isIterable(v));
        add("callable", "", (r, v, a) -> v instanceof Function || v instanceof Undefined);
        add("lower", "", (r, v, a) -> Strings.isLower(Repr.str(r.budget(), v)));
        add("upper", "", (r, v, a) -> Strings.isUpper(Repr.str(r.budget(), v)));
        add("odd", "", (r, v, a) -> remainder(r, v, 2L, 1L));
        add("even", "", (r, v, a) -> remainder(r, v, 2L, 0L));
        add("divisibleby", "num", (r, v, a) -> remainder(r, v, a.at(0), 0L));
        add("sameas", "other", (r, v, a) -> isSame(v, a.at(0)));
        add("escaped", "", (r, v, a) -> false);
        add("filter", "", (r, v, a) -> Filters.find(Repr.str(r.budget(), v)) != null);
        add("test", "", (r, v, a) -> find(Repr.str(r.budget(), v)) != null);
        add("in", "seq", (r, v, a) -> Compare.contains(r.budget(), a.at(0), v));
        for (String name : List.of("==", "eq", "equalto")) {
            add(name, "other", (r, v, a) -> Compare.equal(r.budget(), v, a.at(0)));
        }
        for (String name : List.of("!=", "ne")) {
            add(name, "other", (r, v, a) -> !Compare.equal(r.budget(), v, a.at(0)));
        }
        order("<", "lt", "lessthan");
        order("<=", "le");
        order(">", "gt", "greaterthan");
        order(">=", "ge");
    }

    private static void add(String name, String signature, Test test) {
        ALL.put(name, (r, value, args) -> test.holds(r, value, args.bind("test_" + name, signature)));
    }

    private static void order(String operator, String... names) {
        Test test = (r, v, a) -> Compare.test(r.budget(), operator, v, a.at(0));
        add(operator, "other", test);
        for (String name : names) {
            add(name, "other", test);
        }
    }

    private static boolean remainder(Rendering rendering, Object value, Object divisor, Long wanted) {
        return Compare.equal(rendering.budget(), Operators.apply(rendering, "%", value, divisor), wanted);
    }

    /** Small values have no identity here: Python's cached ones have none either. */
    private static boolean isSame(Object left, Object right) {
        return left == right
                || (left instanceof Long || left instanceof Boolean || left instanceof String) && left.equals(right);
    }
}
