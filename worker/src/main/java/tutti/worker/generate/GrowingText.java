package tutti.worker.generate;

import java.util.List;
import java.util.function.Consumer;
import tutti.common.token.IncrementalDecoder;
import tutti.common.token.Tokenizer;

/** The text of a sequence while it grows, up to a stop string: {@link #add} is the listener of a {@link Generator.Request}. */
public final class GrowingText {
    private final IncrementalDecoder decoder;
    private final StopStrings stops;
    private final Consumer<String> out;

    /**
     * @param stopStrings end the text, and are not part of it; none of them empty
     * @param out gets each piece as soon as it is settled
     */
    public GrowingText(Tokenizer tokenizer, List<String> stopStrings, Consumer<String> out) {
        this.decoder = new IncrementalDecoder(tokenizer, true);
        this.stops = new StopStrings(stopStrings);
        this.out = out;
    }

    /** Takes what stands before the text and is no part of it, though the text of the first token may depend on it. Returns how it reads. */
    public String behind(int[] prompt) {
        StringBuilder read = new StringBuilder();
        for (int token : prompt) {
            read.append(decoder.next(token));
        }
        return read.toString();
    }

    /** False where the text is over. */
    public boolean add(int token) {
        show(stops.next(decoder.next(token)));
        return !stops.met();
    }

    /** Gives out what is held back; nothing comes after. */
    public void finish() {
        show(stops.next(decoder.finish()));
        show(stops.finish());
    }

    private void show(String text) {
        if (!text.isEmpty()) {
            out.accept(text);
        }
    }
}
