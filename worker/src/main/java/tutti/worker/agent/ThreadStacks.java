package tutti.worker.agent;

import java.util.Arrays;
import java.util.Comparator;
import java.util.Map;
import java.util.stream.Collectors;

/** Where each of our threads in this process is: for the log of one that hangs. */
final class ThreadStacks {
    private ThreadStacks() {}

    static String all() {
        return Thread.getAllStackTraces().entrySet().stream()
                .filter(entry -> entry.getKey().getName().startsWith("tutti-") && entry.getValue().length > 0)
                .sorted(Comparator.comparing(entry -> entry.getKey().getName()))
                .map(ThreadStacks::describe)
                .collect(Collectors.joining("\n"));
    }

    private static String describe(Map.Entry<Thread, StackTraceElement[]> entry) {
        Thread thread = entry.getKey();
        return "\"%s\" %s%n".formatted(thread.getName(), thread.getState())
                + Arrays.stream(entry.getValue())
                        .map(frame -> "    at " + frame)
                        .collect(Collectors.joining("\n"));
    }
}
