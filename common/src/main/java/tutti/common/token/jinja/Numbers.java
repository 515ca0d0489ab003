package tutti.common.token.jinja;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;

/** Arithmetic as Python does it, but for integers of more than 64 bits, which are an error. */
final class Numbers {
    private static final int MAX_POWER = 64;

    private Numbers() {}

    static double asDouble(Object value) {
        return value instanceof Double d ? d : (double) Kinds.asLong(value);
    }

    /** Both are numbers. */
    static Object apply(String operator, Object left, Object right) {
        if (operator.equals("/") && Kinds.isInt(left) && Kinds.isInt(right)) {
            check(Kinds.asLong(right) != 0, "division by zero");
        }
        return left instanceof Double || right instanceof Double || operator.equals("/")
                ? (Object) floats(operator, asDouble(left), asDouble(right))
                : integers(operator, Kinds.asLong(left), Kinds.asLong(right));
    }

    private static Object integers(String operator, long a, long b) {
        try {
            return switch (operator) {
                case "+" -> Math.addExact(a, b);
                case "-" -> Math.subtractExact(a, b);
                case "*" -> Math.multiplyExact(a, b);
                case "//" -> {
                    check(b != 0, "integer division or modulo by zero");
                    yield b == -1 ? Math.negateExact(a) : Math.floorDiv(a, b);
                }
                case "%" -> {
                    check(b != 0, "integer modulo by zero");
                    yield Math.floorMod(a, b);
                }
                default -> b < 0 ? (Object) floats("**", a, b) : (Object) power(a, b);
            };
        } catch (ArithmeticException e) {
            throw JinjaError.of("the integer %d %s %d does not fit 64 bits", a, operator, b);
        }
    }

    private static long power(long a, long b) {
        if (a >= -1 && a <= 1) {
            return b == 0 ? 1 : a == -1 && b % 2 == 0 ? 1 : a;
        }
        if (b > MAX_POWER) {
            throw new ArithmeticException();
        }
        return BigInteger.valueOf(a).pow((int) b).longValueExact();
    }

    private static double floats(String operator, double a, double b) {
        return switch (operator) {
            case "+" -> a + b;
            case "-" -> a - b;
            case "*" -> a * b;
            case "/" -> {
                check(b != 0, "float division by zero");
                yield a / b;
            }
            case "//" -> {
                check(b != 0, "float floor division by zero");
                yield Math.floor((a - modulo(a, b)) / b + 0.5);
            }
            case "%" -> {
                check(b != 0, "float modulo");
                yield modulo(a, b);
            }
            default -> {
                check(a != 0 || b >= 0, "0.0 cannot be raised to a negative power");
                yield Math.pow(a, b);
            }
        };
    }

    private static double modulo(double a, double b) {
        double rest = a % b;
        return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest == 0 ? Math.copySign(0, b) : rest;
    }

    private static void check(boolean ok, String message) {
        if (!ok) {
            throw JinjaError.of(message);
        }
    }

    /** To a number of places, and to even where it lies halfway. */
    static double round(double value, int places) {
        return Double.isNaN(value) || Double.isInfinite(value)
                ? value
                : new BigDecimal(value)
                        .setScale(Math.max(-400, Math.min(400, places)), RoundingMode.HALF_EVEN)
                        .doubleValue();
    }

    static Object negate(Object value) {
        if (value instanceof Double d) {
            return -d;
        }
        return integers("-", 0, Kinds.asLong(value));
    }
}
