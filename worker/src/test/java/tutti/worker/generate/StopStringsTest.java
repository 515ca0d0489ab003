package tutti.worker.generate;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class StopStringsTest {

    @Test
    void shouldEndWhereAStopStringBeginsAcrossPieces() {
        assertThat(shown(List.of("USER:"), "Hello U", "SE", "R: again")).containsExactly("Hello ");
    }

    @Test
    void shouldHoldBackOnlyWhatMayBeTheBeginningOfOne() {
        assertThat(shown(List.of("\n\n", "END"), "a\n", "bE", "Nc", "d\n"))
                .containsExactly("a", "\nb", "ENc", "d", "\n");
    }

    @Test
    void shouldTakeTheOneThatIsCompleteFirst() {
        assertThat(shown(List.of("abcd", "bc"), "xabc")).containsExactly("xa");
        assertThat(shown(List.of("abcd", "bc"), "xabcd")).as("in one piece").containsExactly("xa");
        assertThat(shown(List.of("bc", "abc"), "xabc")).as("both at once").containsExactly("x");
    }

    @Test
    void shouldPassEverythingWithoutStopStrings() {
        assertThat(shown(List.of(), "a", "b")).containsExactly("a", "b");
    }

    /** Letters a and b only, so that stop strings overlap with themselves and each other; against a look at each character alone. */
    @Test
    void shouldEndAtTheSamePlaceWhateverThePieces() {
        SplittableRandom random = new SplittableRandom(1);
        int ended = 0;
        for (int round = 0; round < 2000; round++) {
            List<String> stops = List.of(word(random, 1 + random.nextInt(4)), word(random, 2 + random.nextInt(4)));
            String text = word(random, random.nextInt(14));
            List<String> pieces = new ArrayList<>();
            for (int from = 0; from < text.length(); ) {
                int to = Math.min(text.length(), from + 1 + random.nextInt(5));
                pieces.add(text.substring(from, to));
                from = to;
            }
            String wanted = naive(stops, text);
            ended += wanted.equals(text) ? 0 : 1;
            assertThat(String.join("", shown(stops, pieces.toArray(String[]::new))))
                    .as("%s in %s", stops, pieces)
                    .isEqualTo(wanted);
        }
        assertThat(ended).isBetween(500, 1900);
    }

    private static String naive(List<String> stops, String text) {
        for (int end = 1; end <= text.length(); end++) {
            String head = text.substring(0, end);
            int longest = stops.stream()
                    .filter(head::endsWith)
                    .mapToInt(String::length)
                    .max()
                    .orElse(0);
            if (longest > 0) {
                return text.substring(0, end - longest);
            }
        }
        return text;
    }

    private static String word(SplittableRandom random, int length) {
        StringBuilder word = new StringBuilder();
        for (int i = 0; i < length; i++) {
            word.append(random.nextInt(3) == 0 ? 'b' : 'a');
        }
        return word.toString();
    }

    /** Pieces as they come out, without empty ones. */
    private static List<String> shown(List<String> stops, String... pieces) {
        StopStrings text = new StopStrings(stops);
        List<String> shown = new ArrayList<>();
        for (String piece : pieces) {
            shown.add(text.next(piece));
        }
        shown.add(text.finish());
        shown.removeIf(String::isEmpty);
        return shown;
    }
}
