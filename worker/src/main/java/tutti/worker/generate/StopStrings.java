package tutti.worker.generate;

import java.util.List;

/**
 * Ends a text at the first of some strings that is complete in it, wherever the borders of its pieces lie. What may be the beginning of one
 * is held back. For one text.
 */
final class StopStrings {
    private final List<String> stops;
    private final StringBuilder held = new StringBuilder();
    private boolean met;

    /** @param stops none of them empty */
    StopStrings(List<String> stops) {
        this.stops = stops;
    }

    /** The text is over: a stop string was there. */
    boolean met() {
        return met;
    }

    /** Returns what of the text is settled by its next piece; nothing of a stop string, and nothing behind one. */
    String next(String piece) {
        if (met) {
            return "";
        }
        held.append(piece);
        int end = Integer.MAX_VALUE;
        int start = held.length() - lengthOfBeginning();
        for (String stop : stops) {
            int at = held.indexOf(stop);
            // Of two that end together the longer one was there first.
            if (at >= 0 && (at + stop.length() < end || at + stop.length() == end && at < start)) {
                end = at + stop.length();
                start = at;
                met = true;
            }
        }
        String settled = held.substring(0, start);
        held.delete(0, start);
        return settled;
    }

    /** Returns what is held back at the end of the text. */
    String finish() {
        return met ? "" : held.toString();
    }

    /** Characters at the end of the text that a stop string begins with. */
    private int lengthOfBeginning() {
        int longest = 0;
        for (String stop : stops) {
            for (int length = Math.min(stop.length() - 1, held.length()); length > longest; length--) {
                if (stop.startsWith(held.substring(held.length() - length))) {
                    longest = length;
                }
            }
        }
        return longest;
    }
}
