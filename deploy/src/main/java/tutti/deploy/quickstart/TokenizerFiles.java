package tutti.deploy.quickstart;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A tokenizer in Hugging Face's files: one token for a word or a digit with the blank before it, and one for each
 * printable ASCII character, so that any such text has tokens and decodes to itself. What lies outside is {@code <unk>}.
 */
final class TokenizerFiles {
    /** In the order of their ids, as Llama has them. */
    private static final List<String> SPECIAL = List.of("<unk>", "<s>", "</s>");
    /** Where a text is cut before words are looked up: a word, a digit or a sign with its blank. */
    private static final String PIECES = " ?[A-Za-z]+:?| ?[^A-Za-z\\s]|\\s";
    /** Log-probabilities: a whole word is always likelier than its letters. */
    private static final double WORD_SCORE = -5;

    private static final double CHARACTER_SCORE = -10;

    private final List<List<Object>> vocabulary = new ArrayList<>();

    private TokenizerFiles(TreeSet<String> words) {
        SPECIAL.forEach(token -> vocabulary.add(List.of(token, 0.0)));
        Stream<String> characters = Stream.concat(
                Stream.of("\t", "\n"),
                Stream.iterate(' ', c -> c <= '~', c -> (char) (c + 1)).map(String::valueOf));
        characters.forEach(text -> vocabulary.add(List.of(text, CHARACTER_SCORE)));
        words.stream().filter(word -> word.length() > 1).forEach(word -> vocabulary.add(List.of(word, WORD_SCORE)));
    }

    /** @param texts all words that are to be one token */
    static TokenizerFiles of(Stream<String> texts) {
        Pattern piece = Pattern.compile(PIECES);
        TreeSet<String> words = new TreeSet<>();
        texts.forEach(text -> piece.matcher(text).results().forEach(match -> words.add(match.group())));
        return new TokenizerFiles(words);
    }

    int size() {
        return vocabulary.size();
    }

    void write(Path folder) throws IOException {
        Map<String, Object> special = new LinkedHashMap<>();
        special.put("bos_token", "<s>");
        special.put("eos_token", "</s>");
        special.put("unk_token", "<unk>");
        write(folder.resolve("special_tokens_map.json"), special);
        Map<String, Object> config = new LinkedHashMap<>(special);
        config.put("tokenizer_class", "PreTrainedTokenizerFast");
        config.put("add_bos_token", true);
        config.put("add_eos_token", false);
        config.put("clean_up_tokenization_spaces", false);
        write(folder.resolve("tokenizer_config.json"), config);
        write(folder.resolve("tokenizer.json"), tokenizer());
    }

    private Map<String, Object> tokenizer() {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("version", "1.0");
        json.put("truncation", null);
        json.put("padding", null);
        json.put("added_tokens", SPECIAL.stream().map(TokenizerFiles::added).toList());
        json.put("normalizer", null);
        json.put(
                "pre_tokenizer",
                map("type", "Split", "pattern", map("Regex", PIECES), "behavior", "Isolated", "invert", false));
        json.put("post_processor", beginningFirst());
        // Tokens carry their blanks: decoding only joins them.
        json.put("decoder", map("type", "Fuse"));
        json.put("model", map("type", "Unigram", "unk_id", 0, "vocab", vocabulary, "byte_fallback", false));
        return json;
    }

    private static Map<String, Object> added(String token) {
        return map(
                "id",
                SPECIAL.indexOf(token),
                "content",
                token,
                "single_word",
                false,
                "lstrip",
                false,
                "rstrip",
                false,
                "normalized",
                false,
                "special",
                true);
    }

    private static Map<String, Object> beginningFirst() {
        Map<String, Object> begin = map("SpecialToken", map("id", "<s>", "type_id", 0));
        List<Object> single = List.of(begin, map("Sequence", map("id", "A", "type_id", 0)));
        List<Object> pair = new ArrayList<>(single);
        pair.add(map("SpecialToken", map("id", "<s>", "type_id", 1)));
        pair.add(map("Sequence", map("id", "B", "type_id", 1)));
        Map<String, Object> tokens = map("<s>", map("id", "<s>", "ids", List.of(1), "tokens", List.of("<s>")));
        return map("type", "TemplateProcessing", "single", single, "pair", pair, "special_tokens", tokens);
    }

    /** Keys and values in turns, kept in that order. */
    private static Map<String, Object> map(Object... keysAndValues) {
        Map<String, Object> map = new LinkedHashMap<>();
        for (int i = 0; i < keysAndValues.length; i += 2) {
            map.put((String) keysAndValues[i], keysAndValues[i + 1]);
        }
        return map;
    }

    private static void write(Path file, Object json) throws IOException {
        new ObjectMapper().writerWithDefaultPrettyPrinter().writeValue(file.toFile(), json);
    }
}
