package tutti.common.token;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.OptionalInt;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tutti.common.Shared;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

class TokenizerTest {
    private static final JsonMapper JSON = new JsonMapper();

    @ParameterizedTest
    @CsvSource({
        "models/stories260k, hf_stories260K.jsonl",
        "models/tinystories-656k, hf_TinyStories-656K.jsonl",
        "tokenizers/qwen3, hf_qwen3.jsonl",
        "tokenizers/mistral, hf_mistral_v1.jsonl",
    })
    void shouldGiveTheIdsAndTextsOfHuggingFaceWholeAndPieceByPiece(String folder, String golden) throws IOException {
        Path file = Shared.file("fixtures/tokenizers/" + golden);
        try (Tokenizer tokenizer = Tokenizer.open(Shared.file(folder))) {
            IncrementalDecoder streaming = new IncrementalDecoder(tokenizer, false);
            for (String line : Files.readAllLines(file)) {
                JsonNode row = JSON.readTree(line);
                String text = row.get("text").asText();
                int[] ids = JSON.convertValue(row.get("ids"), int[].class);
                Encoded encoded = tokenizer.encode(text, false);
                assertThat(encoded.ids()).as(text).isEqualTo(ids);
                for (int i = 0; i < encoded.length(); i++) {
                    assertThat(encoded.start()[i]).isBetween(0, encoded.end()[i]);
                    assertThat(encoded.end()[i]).isBetween(encoded.start()[i], text.length());
                }
                assertThat(tokenizer.decode(ids, false))
                        .isEqualTo(row.get("decoded").asText());
                StringBuilder pieces = new StringBuilder();
                for (int id : ids) {
                    pieces.append(streaming.next(id));
                }
                assertThat(pieces.append(streaming.finish()))
                        .hasToString(row.get("decoded").asText());
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "tokenizers/mistral/tokenizer.model.v1, sentencepiece_mistral_v1.jsonl",
        "tokenizers/open_llama/tokenizer.model, sentencepiece_open_llama.jsonl",
    })
    void shouldGiveTheIdsOfSentencePieceWhereThatIsAllThereIs(String model, String golden, @TempDir Path folder)
            throws IOException {
        Files.copy(Shared.file(model), folder.resolve("tokenizer.model"));
        try (Tokenizer tokenizer = Tokenizer.open(folder)) {
            assertThat(tokenizer.bosId()).hasValue(1);
            assertThat(tokenizer.eosText()).contains("</s>");
            assertThat(tokenizer.vocabularySize()).isEqualTo(32_000);
            assertThat(tokenizer.encode("x</s>", true).ids()).startsWith(1).endsWith(2);
            for (String line : Files.readAllLines(Shared.file("fixtures/tokenizers/" + golden))) {
                JsonNode row = JSON.readTree(line);
                String text = row.get("text").asText();
                int[] ids = JSON.convertValue(row.get("ids"), int[].class);
                // SentencePiece takes the text of special tokens for words.
                if (!text.matches("(?s).*(<s>|</s>|<unk>).*")) {
                    assertThat(tokenizer.encode(text, false).ids()).as(text).isEqualTo(ids);
                }
                assertThat(tokenizer.decode(ids, false))
                        .isEqualTo(row.get("decoded").asText());
            }
        }
    }

    @Test
    void shouldReadTheSameFromBothFilesOfAFolder(@TempDir Path folder) throws IOException {
        Files.copy(Shared.file("models/stories260k/tokenizer.model"), folder.resolve("tokenizer.model"));
        String text = "Once upon a time, there was a little girl. \u00e9\u4e2d\n<s>She said: 1, 2!</s>";
        try (Tokenizer pieces = Tokenizer.open(folder);
                Tokenizer json = Tokenizer.open(Shared.file("models/stories260k"))) {
            assertThat(pieces.encode(text, true)).usingRecursiveComparison().isEqualTo(json.encode(text, true));
            assertThat(pieces.stopIds()).isEqualTo(json.stopIds());
        }
    }

    @Test
    void shouldKnowTheTokensThatAFolderAddsToASentencePieceModel(@TempDir Path folder) throws IOException {
        Files.copy(Shared.file("models/stories260k/tokenizer.model"), folder.resolve("tokenizer.model"));
        Files.writeString(folder.resolve("added_tokens.json"), "{\"<|im_end|>\": 513, \"<|im_start|>\": 512}");
        Files.writeString(
                folder.resolve("tokenizer_config.json"), "{\"eos_token\": \"<|im_end|>\", \"add_bos_token\": false}");
        try (Tokenizer tokenizer = Tokenizer.open(folder)) {
            assertThat(tokenizer.encode("<|im_start|><|im_end|>", true).ids()).containsExactly(512, 513);
            assertThat(tokenizer.eosId()).hasValue(513);
            assertThat(tokenizer.vocabularySize()).isEqualTo(514);
        }
        Files.writeString(folder.resolve("added_tokens.json"), "{\"<|im_end|>\": 513}");
        assertThatThrownBy(() -> Tokenizer.open(folder).close())
                .hasMessageContaining("adds token 513, but none before it");
    }

    @Test
    void shouldRefuseASentencePieceModelThatIsDamaged(@TempDir Path folder) throws IOException {
        byte[] whole = Files.readAllBytes(Shared.file("models/stories260k/tokenizer.model"));
        Path file = folder.resolve("tokenizer.model");
        for (int length : new int[] {0, 1, 100, whole.length - 1}) {
            Files.write(file, Arrays.copyOf(whole, length));
            assertThatThrownBy(() -> Tokenizer.open(folder).close())
                    .isInstanceOf(TuttiException.class)
                    .hasMessageContaining("tokenizer.model: not a SentencePiece model: ");
        }
        Random random = new Random(1);
        for (int round = 0; round < 300; round++) {
            byte[] changed = whole.clone();
            changed[random.nextInt(changed.length)] ^= (byte) (1 << random.nextInt(8));
            Files.write(file, changed);
            try {
                SentencePieceModel.read(file);
            } catch (TuttiException e) {
                assertThat(e.category()).isEqualTo(Category.DATA);
            }
        }
    }

    @Test
    void shouldCountSpansInJavaCharactersBehindEmojis() {
        // The second text checks that half an emoji hurts only its own place.
        try (Tokenizer tokenizer = Tokenizer.open(Shared.file("tokenizers/mistral"))) {
            String text = "Hi \uD83D\uDE00\uD83D\uDE00 there";
            Encoded encoded = tokenizer.encode(text, false);
            int last = encoded.length() - 1;
            assertThat(text.substring(encoded.start()[last], encoded.end()[last]))
                    .isEqualTo(" there");
            assertThat(encoded.end()[last]).isEqualTo(text.length());
            assertThat(tokenizer.decode(
                            tokenizer.encode("a\uD83D \0 \uD83D\uDE00", false).ids(), false))
                    .isEqualTo("a\uFFFD \0 \uD83D\uDE00");
        }
    }

    @Test
    void shouldNeverTruncateAndNeverAskTheNetwork() {
        try (Tokenizer tokenizer = Tokenizer.open(Shared.file("models/stories260k"))) {
            assertThat(tokenizer.encode("once upon a time ".repeat(5000), true).length())
                    .isGreaterThan(20_000);
        }
    }

    @Test
    void shouldKnowTheSpecialTokensOfTheFolder() {
        try (Tokenizer llama = Tokenizer.open(Shared.file("models/stories260k"));
                Tokenizer stories = Tokenizer.open(Shared.file("models/tinystories-656k"));
                Tokenizer qwen = Tokenizer.open(Shared.file("tokenizers/qwen3"))) {
            assertThat(llama.bosId()).hasValue(1);
            assertThat(llama.eosId()).hasValue(2);
            assertThat(llama.padId()).isEmpty();
            assertThat(llama.eosText()).contains("</s>");
            assertThat(llama.vocabularySize()).isEqualTo(512);
            assertThat(llama.encode("x", true).ids()).startsWith(1);
            assertThat(llama.encode("x", true).start()).startsWith(Encoded.NO_TEXT);
            assertThat(stories.padId()).hasValue(0);
            assertThat(stories.eosText()).contains("<|end_story|>");
            assertThat(qwen.bosId()).isEqualTo(OptionalInt.empty());
            assertThat(qwen.eosText()).contains("<|im_end|>");
            assertThat(qwen.eosId()).hasValue(151645);
            assertThat(qwen.padId()).hasValue(151643);
            assertThat(qwen.vocabularySize()).isEqualTo(151669);
        }
    }

    @Test
    void shouldTakeTheEndFromTheModelsFilesIfTheTokenizerHasNone(@TempDir Path folder) throws IOException {
        Files.copy(Shared.file("models/stories260k/tokenizer.json"), folder.resolve("tokenizer.json"));
        try (Tokenizer bare = Tokenizer.open(folder)) {
            assertThat(bare.eosId()).isEmpty();
            assertThatThrownBy(() -> new ChatEncoder(bare)).hasMessageContaining("no end token");
        }
        Files.writeString(folder.resolve("config.json"), "{\"eos_token_id\": 2, \"bos_token_id\": null}");
        Files.writeString(folder.resolve("generation_config.json"), "{\"eos_token_id\": [2, 13]}");
        try (Tokenizer tokenizer = Tokenizer.open(folder)) {
            assertThat(tokenizer.eosId()).hasValue(2);
            assertThat(tokenizer.eosText()).contains("</s>");
            assertThat(tokenizer.stopIds()).containsExactly(2, 13);
            assertThat(tokenizer.bosId()).isEmpty();
        }
    }

    @Test
    void shouldSayWhyAFolderHasNoTokenizer(@TempDir Path folder) throws IOException {
        assertThatThrownBy(() -> Tokenizer.open(folder)).hasMessageContaining("tokenizer.json: no such file");
        Files.createFile(folder.resolve("tokenizer.model"));
        assertThatThrownBy(() -> Tokenizer.open(folder))
                .hasMessageContaining("tokenizer.model: not a SentencePiece model");
        for (String broken : new String[] {"{\"model\":", "{}", "[]", "{\"model\":{\"type\":\"BPE\",\"vocab\":7}}"}) {
            Files.writeString(folder.resolve("tokenizer.json"), broken);
            assertThatThrownBy(() -> Tokenizer.open(folder))
                    .isInstanceOf(TuttiException.class)
                    .hasMessageContaining("tokenizer.json");
        }
    }

    @Test
    void shouldHoldBackHalfACharacterUntilItIsWhole() {
        try (Tokenizer tokenizer = Tokenizer.open(Shared.file("models/stories260k"))) {
            IncrementalDecoder decoder = new IncrementalDecoder(tokenizer, true);
            int[] ids = tokenizer.encode("a\uD83D\uDE00", false).ids();
            assertThat(decoder.next(ids[0])).isEqualTo("a");
            assertThat(decoder.next(ids[1])).isEmpty();
            assertThat(decoder.next(ids[2])).isEmpty();
            assertThat(decoder.next(ids[3])).isEmpty();
            assertThat(decoder.next(ids[4])).isEqualTo("\uD83D\uDE00");
            assertThat(decoder.next(ids[1])).isEmpty();
            assertThat(decoder.finish()).isEqualTo("\uFFFD");
        }
    }
}
