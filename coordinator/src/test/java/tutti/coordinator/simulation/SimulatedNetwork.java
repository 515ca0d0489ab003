package tutti.coordinator.simulation;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * Akka's messages between processes: late, and in order between one sender and one receiver. A few come once more later, which Akka's
 * own do not, but what workers ask again does. What a killed process has sent may or may not arrive; what
 * comes to an end that is cut off waits there.
 */
final class SimulatedNetwork {
    private final Schedule schedule;
    private final Map<Link, Line> lines = new LinkedHashMap<>();
    private final Set<String> cut = new TreeSet<>();

    /** @param channel messages of one are in order; each actor that receives has its own */
    private record Link(String from, String to, String channel) {}

    private static final class Line {
        final Deque<Runnable> letters = new ArrayDeque<>();
        long last;
        int late;
    }

    SimulatedNetwork(Schedule schedule) {
        this.schedule = schedule;
    }

    /** @param arrive decides itself whether anybody is there */
    void send(String from, String to, String channel, Runnable arrive) {
        Link link = new Link(from, to, channel);
        Line line = lines.computeIfAbsent(link, key -> new Line());
        line.letters.add(arrive);
        long delay = schedule.chance(0.05) ? schedule.between(100, 6000) : schedule.between(1, 40);
        line.last = Math.max(line.last, schedule.now() + delay);
        schedule.after(line.last - schedule.now(), () -> arrive(link, line));
    }

    private void arrive(Link link, Line line) {
        if (cut.contains(link.from()) || cut.contains(link.to())) {
            line.late++;
        } else if (!line.letters.isEmpty()) {
            Runnable letter = line.letters.remove();
            letter.run();
            if (schedule.chance(0.02)) {
                schedule.after(schedule.between(0, 200), letter);
            }
        }
    }

    void cut(String process) {
        cut.add(process);
    }

    void heal(String process) {
        cut.remove(process);
        lines.forEach((link, line) -> {
            if (touches(link, process)) {
                for (; line.late > 0; line.late--) {
                    schedule.after(schedule.between(0, 5), () -> arrive(link, line));
                }
            }
        });
    }

    /** The two sides have given each other up: what was on the way is lost. */
    void forget(String process) {
        lines.forEach((link, line) -> {
            if (touches(link, process)) {
                line.letters.clear();
            }
        });
    }

    /** The last of what it sent is lost. */
    void killed(String process) {
        lines.forEach((link, line) -> {
            if (link.from().equals(process)) {
                for (long left = schedule.between(0, line.letters.size()); line.letters.size() > left; ) {
                    line.letters.removeLast();
                }
            }
        });
    }

    private static boolean touches(Link link, String process) {
        return link.from().equals(process) || link.to().equals(process);
    }
}
