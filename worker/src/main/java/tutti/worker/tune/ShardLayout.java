package tutti.worker.tune;

import java.util.ArrayList;
import java.util.List;

/**
 * Which elements of the flat buffers one rank updates: all, or its shard (ZeRO, Rajbhandari et al. 2020). State that only the update
 * reads is as long as the shard.
 *
 * @param segments ascending, without overlap
 * @param whole every rank updates every element; else segments are this rank's alone, but for the norms
 */
public record ShardLayout(List<Segment> segments, boolean whole) {
    /**
     * @param start element in the flat buffer
     * @param at element in buffers of the shard
     */
    public record Segment(long start, long count, long at) {
        long end() {
            return start + count;
        }
    }

    public ShardLayout {
        segments = List.copyOf(segments);
    }

    /** Every element, where it is. */
    public static ShardLayout whole(FlatLayout layout) {
        return new ShardLayout(List.of(new Segment(0, layout.size(), 0)), true);
    }

    /** Elements. */
    public long size() {
        return segments.stream().mapToLong(Segment::count).sum();
    }

    /** What it holds of elements {@code start .. start+count-1}. */
    public List<Segment> within(long start, long count) {
        List<Segment> found = new ArrayList<>();
        for (Segment segment : segments) {
            long from = Math.max(start, segment.start());
            long to = Math.min(start + count, segment.end());
            if (from < to) {
                found.add(new Segment(from, to - from, segment.at() + from - segment.start()));
            }
        }
        return found;
    }
}
