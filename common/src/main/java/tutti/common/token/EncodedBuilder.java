package tutti.common.token;

import java.util.stream.IntStream;

/** Joins tokens of pieces of one text. */
final class EncodedBuilder {
    private final IntStream.Builder ids = IntStream.builder();
    private final IntStream.Builder starts = IntStream.builder();
    private final IntStream.Builder ends = IntStream.builder();

    void add(int id, int start, int end) {
        ids.add(id);
        starts.add(start);
        ends.add(end);
    }

    /** @param offset where the piece begins in the whole text */
    void addAll(Encoded piece, int offset) {
        for (int i = 0; i < piece.length(); i++) {
            boolean text = piece.start()[i] != Encoded.NO_TEXT;
            add(
                    piece.ids()[i],
                    text ? piece.start()[i] + offset : Encoded.NO_TEXT,
                    text ? piece.end()[i] + offset : Encoded.NO_TEXT);
        }
    }

    Encoded build() {
        return new Encoded(
                ids.build().toArray(), starts.build().toArray(), ends.build().toArray());
    }
}
