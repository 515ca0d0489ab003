package tutti.common.token.jinja;

import java.util.ArrayList;
import java.util.List;

/** {@code + - * / // % **} for every pair of values, and Python's words for pairs that do not go together. */
final class Operators {
    private Operators() {}

    static Object apply(Rendering rendering, String operator, Object left, Object right) {
        if (Compare.isNumber(left) && Compare.isNumber(right)) {
            return Numbers.apply(operator, left, right);
        }
        Budget budget = rendering.budget();
        if (operator.equals("+") && left instanceof String a && right instanceof String b) {
            budget.make((long) a.length() + b.length());
            return a.concat(b);
        }
        if (operator.equals("%") && left instanceof String format) {
            return PercentFormat.format(rendering, format, right);
        }
        if (left instanceof Undefined || right instanceof Undefined) {
            throw ((Undefined) (left instanceof Undefined ? left : right)).fail();
        }
        if (operator.equals("+") && left instanceof List<?> a && !(left instanceof Range)) {
            return join(budget, a, right);
        }
        if (operator.equals("*") && isRow(left) && Kinds.isInt(right)) {
            return repeat(budget, left, Kinds.asInt(right));
        }
        if (operator.equals("*") && isRow(right) && Kinds.isInt(left)) {
            return repeat(budget, right, Kinds.asInt(left));
        }
        if (operator.equals("*") && (isRow(left) || isRow(right))) {
            throw JinjaError.of(
                    "can't multiply sequence by non-int of type '%s'", Kinds.name(isRow(left) ? right : left));
        }
        if (operator.equals("+") && left instanceof String) {
            throw JinjaError.of("can only concatenate str (not \"%s\") to str", Kinds.name(right));
        }
        throw unsupported(operator, left, right);
    }

    private static JinjaError unsupported(String operator, Object left, Object right) {
        String name = operator.equals("**") ? "** or pow()" : operator;
        return JinjaError.of(
                "unsupported operand type(s) for %s: '%s' and '%s'", name, Kinds.name(left), Kinds.name(right));
    }

    private static Object join(Budget budget, List<?> left, Object right) {
        if (!(right instanceof List<?> more) || !Kinds.name(left).equals(Kinds.name(right))) {
            String type = Kinds.name(left);
            throw JinjaError.of("can only concatenate %s (not \"%s\") to %s", type, Kinds.name(right), type);
        }
        budget.make(8L * (left.size() + more.size()));
        List<Object> items = new ArrayList<>(left);
        items.addAll(more);
        return left instanceof Tuple ? new Tuple(items) : items;
    }

    private static boolean isRow(Object value) {
        return value instanceof String || (value instanceof List && !(value instanceof Range));
    }

    private static Object repeat(Budget budget, Object value, int count) {
        if (value instanceof String s) {
            budget.make((long) s.length() * Math.max(0, count));
            return s.repeat(Math.max(0, count));
        }
        List<?> list = (List<?>) value;
        budget.make(8L * list.size() * Math.max(0, count));
        List<Object> items = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            items.addAll(list);
        }
        return value instanceof Tuple ? new Tuple(items) : items;
    }

    static Object sign(String operator, Object value) {
        if (value instanceof Undefined undefined) {
            throw undefined.fail();
        }
        if (!Compare.isNumber(value)) {
            throw JinjaError.of("bad operand type for unary %s: '%s'", operator, Kinds.name(value));
        }
        if (operator.equals("-")) {
            return Numbers.negate(value);
        }
        return value instanceof Boolean ? (Object) Kinds.asLong(value) : value;
    }
}
