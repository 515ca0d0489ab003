package tutti.common.token.jinja;

import java.util.List;
import java.util.Map;

/** Which values are the same, and which is less. */
final class Compare {
    private Compare() {}

    static boolean equal(Budget budget, Object left, Object right) {
        if (left == right) {
            return !(left instanceof Double d && d.isNaN());
        }
        if (isNumber(left) && isNumber(right)) {
            return !isNan(left) && !isNan(right) && compareNumbers(left, right) == 0;
        }
        if (left instanceof String a && right instanceof String b) {
            budget.charge(Math.min(a.length(), b.length()));
            return a.equals(b);
        }
        if (left instanceof List<?> a && right instanceof List<?> b) {
            return Kinds.name(left).equals(Kinds.name(right)) && a.size() == b.size() && firstOther(budget, a, b) < 0;
        }
        if (left instanceof Map<?, ?> a && right instanceof Map<?, ?> b) {
            budget.enter();
            boolean same = a.size() == b.size();
            for (Map.Entry<?, ?> entry : a.entrySet()) {
                same = same && b.containsKey(entry.getKey()) && equal(budget, entry.getValue(), b.get(entry.getKey()));
            }
            budget.leave();
            return same;
        }
        return left instanceof Undefined && right instanceof Undefined;
    }

    private static int firstOther(Budget budget, List<?> a, List<?> b) {
        budget.enter();
        int other = -1;
        for (int i = 0; other < 0 && i < Math.min(a.size(), b.size()); i++) {
            budget.charge(8);
            other = equal(budget, a.get(i), b.get(i)) ? -1 : i;
        }
        budget.leave();
        return other;
    }

    /** {@code left operator right} for one of {@code < <= > >=}. */
    static boolean test(Budget budget, String operator, Object left, Object right) {
        if (isNumber(left) && isNumber(right) && (isNan(left) || isNan(right))) {
            return false;
        }
        int order = order(budget, operator, left, right);
        return switch (operator) {
            case "<" -> order < 0;
            case "<=" -> order <= 0;
            case ">" -> order > 0;
            default -> order >= 0;
        };
    }

    static int order(Budget budget, Object left, Object right) {
        return order(budget, "<", left, right);
    }

    private static int order(Budget budget, String operator, Object left, Object right) {
        if (isNumber(left) && isNumber(right)) {
            return compareNumbers(left, right);
        }
        if (left instanceof String a && right instanceof String b) {
            budget.charge(Math.min(a.length(), b.length()));
            return Strings.compare(a, b);
        }
        if (left instanceof List<?> a
                && right instanceof List<?> b
                && Kinds.name(left).equals(Kinds.name(right))
                && !(left instanceof Range)) {
            int at = firstOther(budget, a, b);
            if (at < 0) {
                return Integer.compare(a.size(), b.size());
            }
            budget.enter();
            int order = order(budget, operator, a.get(at), b.get(at));
            budget.leave();
            return order;
        }
        if (left instanceof Undefined || right instanceof Undefined) {
            throw ((Undefined) (left instanceof Undefined ? left : right)).fail();
        }
        throw JinjaError.of(
                "'%s' not supported between instances of '%s' and '%s'", operator, Kinds.name(left), Kinds.name(right));
    }

    static boolean contains(Budget budget, Object container, Object item) {
        if (container instanceof String text) {
            if (item instanceof String part) {
                budget.charge(text.length());
                return text.contains(part);
            }
            throw JinjaError.of("'in <string>' requires string as left operand, not %s", Kinds.name(item));
        }
        if (container instanceof Map<?, ?> map) {
            return map.containsKey(Kinds.key(budget, item));
        }
        if (!Kinds.isIterable(container)) {
            throw JinjaError.of("argument of type '%s' is not iterable", Kinds.name(container));
        }
        var items = Kinds.iterate(budget, container);
        while (items.hasNext()) {
            if (equal(budget, items.next(), item)) {
                return true;
            }
        }
        return false;
    }

    static boolean isNumber(Object value) {
        return Kinds.isInt(value) || value instanceof Double;
    }

    private static boolean isNan(Object value) {
        return value instanceof Double d && d.isNaN();
    }

    private static int compareNumbers(Object left, Object right) {
        if (left instanceof Double || right instanceof Double) {
            double a = Numbers.asDouble(left);
            double b = Numbers.asDouble(right);
            return a == b ? 0 : Double.compare(a, b);
        }
        return Long.compare(Kinds.asLong(left), Kinds.asLong(right));
    }
}
