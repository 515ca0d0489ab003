package tutti.deploy.agent;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.agrona.ErrorHandler;

/**
 * Tells the errors of a media driver, of each kind the 1st, the 10th, the 100th and so on: whoever sends datagrams to its ports can
 * make it report as many as they like.
 */
final class DriverErrors implements ErrorHandler {
    private final Consumer<String> log;
    private final Map<Class<?>, Long> counts = new ConcurrentHashMap<>();

    DriverErrors(Consumer<String> log) {
        this.log = log;
    }

    @Override
    public void onError(Throwable error) {
        long count = counts.merge(error.getClass(), 1L, Long::sum);
        if (Long.toString(count).matches("10*")) {
            String number = count == 1 ? "" : " (number %d of its kind)".formatted(count);
            log.accept("media driver: " + error + number);
        }
    }
}
