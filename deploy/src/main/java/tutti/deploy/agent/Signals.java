package tutti.deploy.agent;

import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import tutti.common.error.TuttiException;

/**
 * SIGTERM and SIGUSR1 to this process, which ask it to make room. Java's class for signals is reached by reflection: javac warns of
 * it, and warnings are errors here. Ctrl-C is not touched, nor is SIGUSR2, which the JVM keeps for itself.
 */
public final class Signals {
    private static final String TERM = "TERM";
    private static final List<String> NAMES = List.of(TERM, "USR1");

    private Signals() {}

    /**
     * Runs {@code action} at the first of them, on a thread of the JVM's. The second ends the process as SIGTERM always did, and so
     * does the first where the action says that it can do nothing.
     */
    public static void onFirst(BooleanSupplier action) {
        AtomicBoolean first = new AtomicBoolean(true);
        Object[] usual = new Object[1];
        for (String name : NAMES) {
            Object before = handle(name, handler(() -> {
                if (!first.compareAndSet(true, false) || !action.getAsBoolean()) {
                    handle(TERM, usual[0]);
                    call("raise", signal(TERM));
                }
            }));
            if (name.equals(TERM)) {
                usual[0] = before;
            }
        }
    }

    /** For children of an agent that hears the same signals and tells them what to do: a whole process group may get them. */
    public static void ignore() {
        NAMES.forEach(name -> handle(name, handler(() -> {})));
    }

    private static Object handler(Runnable action) {
        return Proxy.newProxyInstance(
                Signals.class.getClassLoader(),
                new Class<?>[] {type("sun.misc.SignalHandler")},
                (self, method, args) -> switch (method.getName()) {
                    case "handle" -> {
                        action.run();
                        yield null;
                    }
                    case "equals" -> self == args[0];
                    case "hashCode" -> System.identityHashCode(self);
                    default -> "the handler of " + NAMES;
                });
    }

    /** @return the handler before */
    private static Object handle(String name, Object handler) {
        return call("handle", signal(name), handler);
    }

    private static Object signal(String name) {
        try {
            return type("sun.misc.Signal").getConstructor(String.class).newInstance(name);
        } catch (ReflectiveOperationException e) {
            throw unusable(e);
        }
    }

    private static Object call(String name, Object... arguments) {
        try {
            for (Method method : type("sun.misc.Signal").getMethods()) {
                if (method.getName().equals(name) && method.getParameterCount() == arguments.length) {
                    return method.invoke(null, arguments);
                }
            }
            throw new NoSuchMethodException(name);
        } catch (ReflectiveOperationException e) {
            throw unusable(e);
        }
    }

    private static Class<?> type(String name) {
        try {
            return Class.forName(name);
        } catch (ClassNotFoundException e) {
            throw unusable(e);
        }
    }

    private static TuttiException unusable(ReflectiveOperationException e) {
        return TuttiException.environment("this Java has no usable sun.misc.Signal (module jdk.unsupported): %s", e);
    }
}
