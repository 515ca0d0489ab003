package tutti.worker.train;

import static tutti.common.error.TuttiException.require;
import static tutti.common.error.TuttiException.user;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;
import tutti.common.token.Question;

/** What {@code --sample_prompts} gives. */
final class SamplePrompts {
    private static final int MOST = 16;
    /** All of them go into a message, with their answers. */
    private static final long MOST_BYTES = 16 << 10;

    private SamplePrompts() {}

    /**
     * @param given a prompt, or {@code @FILE} with one a line; empty: none
     * @param encode a prompt to the tokens that the model is given
     */
    static List<Question> read(String given, Function<String, int[]> encode) {
        List<String> texts = given.startsWith("@")
                ? lines(Path.of(given.substring(1)))
                : given.isEmpty() ? List.of() : List.of(given);
        return texts.stream()
                .map(text -> new Question(text, encode.apply(text), ""))
                .toList();
    }

    private static List<String> lines(Path file) {
        try {
            require(Files.size(file) <= MOST_BYTES, "--sample_prompts @%s: more than %d bytes", file, MOST_BYTES);
            List<String> lines = Files.readAllLines(file).stream()
                    .filter(line -> !line.isBlank())
                    .toList();
            require(
                    !lines.isEmpty() && lines.size() <= MOST,
                    "--sample_prompts @%s: %d prompts, one a line; needs 1 to %d",
                    file,
                    lines.size(),
                    MOST);
            return lines;
        } catch (IOException e) {
            throw user("--sample_prompts @%s: cannot be read as UTF-8 text: %s", file, e);
        }
    }
}
