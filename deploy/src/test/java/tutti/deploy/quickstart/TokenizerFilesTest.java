package tutti.deploy.quickstart;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.common.dataset.Conversation;
import tutti.common.dataset.Role;
import tutti.common.dataset.Turn;
import tutti.common.token.ExampleEncoder;
import tutti.common.token.TokenizedExample;
import tutti.common.token.Tokenizer;
import tutti.worker.model.LlamaConfig;

class TokenizerFilesTest {
    private static final SampleSplit SAMPLES = SampleSplit.draw(5, 2000, 100);

    @TempDir
    private static Path folder;

    private static Tokenizer tokenizer;

    @BeforeAll
    static void write() throws IOException {
        Quickstart.writeModel(folder, SAMPLES);
        tokenizer = Tokenizer.open(folder);
    }

    @AfterAll
    static void close() {
        tokenizer.close();
    }

    @Test
    void shouldGiveBackEveryGeneratedText() {
        for (Sample sample : SAMPLES.heldout()) {
            for (String text : List.of(sample.question(), sample.answer(), " " + sample.answer())) {
                assertThat(roundTrip(text)).isEqualTo(text);
            }
        }
    }

    @Test
    void shouldGiveBackAnyPrintableAscii() {
        String all =
                IntStream.rangeClosed(' ', '~').mapToObj(Character::toString).collect(Collectors.joining());
        assertThat(roundTrip(all)).isEqualTo(all);
        assertThat(tokenizer.encode(all, false).ids()).doesNotContain(0);
    }

    @ParameterizedTest
    @ValueSource(strings = {"  two  blanks ", "unheard-of Words_99", "line\nline\ttab", " ", "It's 3 < 4, isn't it?"})
    void shouldGiveBackOtherTexts(String text) {
        assertThat(roundTrip(text)).isEqualTo(text);
    }

    @Test
    void shouldMakeOneTokenOfAWordAndOfADigit() {
        assertThat(pieces("Tom has 47 apples.")).containsExactly("T", "o", "m", " has", " 4", "7", " apples", ".");
        assertThat(pieces(" Tom SELECT")).containsExactly(" Tom", " SELECT");
    }

    @Test
    void shouldLearnTheAnswerWithItsEndOnly() {
        Sample sample = SAMPLES.heldout().get(0);
        Conversation chat = new Conversation(
                "test", List.of(new Turn(Role.USER, sample.question()), new Turn(Role.ASSISTANT, sample.answer())));
        int vocabulary = LlamaConfig.read(folder).vocabulary();
        TokenizedExample example = new ExampleEncoder(Optional.of(tokenizer), 128, vocabulary).encode(chat);
        int[] learned = Arrays.stream(example.labels())
                .filter(label -> label != TokenizedExample.IGNORED)
                .toArray();
        assertThat(learned).endsWith(tokenizer.eosId().orElseThrow());
        assertThat(tokenizer.decode(learned, true)).isEqualTo(" " + sample.answer());
        assertThat(example.inputIds())
                .startsWith(tokenizer.bosId().orElseThrow())
                .doesNotContain(0);
        assertThat(learned.length).isLessThan(Recipe.MAX_NEW_TOKENS);
    }

    private static String roundTrip(String text) {
        return tokenizer.decode(tokenizer.encode(text, true).ids(), true);
    }

    private static List<String> pieces(String text) {
        return Arrays.stream(tokenizer.encode(text, false).ids())
                .mapToObj(id -> tokenizer.decode(new int[] {id}, true))
                .toList();
    }
}
