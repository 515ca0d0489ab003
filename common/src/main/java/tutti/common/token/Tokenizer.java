package tutti.common.token;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.huggingface.tokenizers.jni.CharSpan;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SortedSet;
import java.util.stream.Stream;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/**
 * The tokenizer of a model folder, Hugging Face's own code behind DJL: never truncates, never pads, never asks the network
 * (DJL as a whole is switched offline). Safe for use by several threads at once. Its native library is unpacked under
 * {@code DJL_CACHE_DIR} (default {@code ~/.djl.ai}) at the first use.
 */
public final class Tokenizer implements AutoCloseable {
    private static final String FILE_NAME = "tokenizer.json";
    private static final String SENTENCE_PIECE = "tokenizer.model";
    /** DJL's defaults would cut every text at 512 tokens and follow padding set in the file. */
    private static final Map<String, String> WHOLE = Map.of("truncation", "false", "padding", "false");

    static {
        // Otherwise DJL reports its use to its makers, and on a machine with CUDA it downloads another native library.
        System.setProperty("ai.djl.offline", "true");
    }

    private final HuggingFaceTokenizer tokenizer;
    private final SpecialTokens special;
    private final Path folder;

    private Tokenizer(HuggingFaceTokenizer tokenizer, SpecialTokens special, Path folder) {
        this.tokenizer = tokenizer;
        this.special = special;
        this.folder = folder;
    }

    /** Is there one that {@link #open} would try? */
    public static boolean isIn(Path folder) {
        return Files.isRegularFile(folder.resolve(FILE_NAME)) || Files.isRegularFile(folder.resolve(SENTENCE_PIECE));
    }

    /** The files of {@code folder}, as far as they are there, that say what a tokenizer and its chats become. */
    public static List<Path> files(Path folder) {
        return Stream.of(
                        FILE_NAME,
                        SENTENCE_PIECE,
                        "added_tokens.json",
                        "tokenizer_config.json",
                        "special_tokens_map.json",
                        "generation_config.json",
                        "config.json",
                        "chat_template.jinja")
                .map(folder::resolve)
                .filter(Files::isRegularFile)
                .toList();
    }

    /**
     * Loads {@code tokenizer.json} of {@code folder}, or where there is none SentencePiece's {@code tokenizer.model}; a folder without a
     * usable one is a DATA failure.
     */
    public static Tokenizer open(Path folder) {
        Path file = folder.resolve(FILE_NAME);
        if (Files.isRegularFile(file)) {
            JsonNode none = MissingNode.getInstance();
            return open(folder, file, () -> Files.newInputStream(file), SpecialTokens.readJson(file), none);
        }
        Path model = folder.resolve(SENTENCE_PIECE);
        if (!Files.isRegularFile(model)) {
            throw TuttiException.data(
                    "%s: no such file, and no %s; download the whole model folder", file, SENTENCE_PIECE);
        }
        SentencePieceModel pieces = SentencePieceModel.read(model);
        JsonNode settings = SpecialTokens.readJson(folder.resolve("tokenizer_config.json"));
        // LlamaTokenizer's defaults.
        JsonNode json = new SentencePieceJson(
                        pieces,
                        AddedToken.read(folder, settings, pieces.pieces().size()),
                        settings.path("add_bos_token").asBoolean(true),
                        settings.path("add_eos_token").asBoolean(false))
                .toJson();
        byte[] text = json.toString().getBytes(StandardCharsets.UTF_8);
        return open(folder, model, () -> new ByteArrayInputStream(text), json, pieces.specialTokens());
    }

    private interface Source {
        InputStream open() throws IOException;
    }

    private static Tokenizer open(Path folder, Path file, Source source, JsonNode json, JsonNode own) {
        SpecialTokens special = SpecialTokens.read(folder, json, own);
        try (InputStream in = source.open()) {
            return new Tokenizer(HuggingFaceTokenizer.newInstance(in, WHOLE), special, folder);
        } catch (IOException | RuntimeException e) {
            throw new TuttiException(
                    Category.DATA,
                    file + ": cannot be loaded as a tokenizer: "
                            + String.valueOf(e.getMessage()).lines().findFirst().orElse("")
                            + "; download it again",
                    e);
        } catch (UnsatisfiedLinkError | ExceptionInInitializerError e) {
            throw new TuttiException(
                    Category.ENVIRONMENT,
                    "the native tokenizer library cannot be loaded from DJL_CACHE_DIR (default ~/.djl.ai): " + e
                            + "; make that folder writable",
                    e);
        }
    }

    public Path folder() {
        return folder;
    }

    /**
     * @param addSpecial add what the tokenizer puts around a text, such as the beginning token; special tokens written out in
     *     {@code text} are recognised either way
     */
    public Encoded encode(String text, boolean addSpecial) {
        String clean = withoutLoneSurrogates(text);
        // DJL's own encode() makes texts, words and masks of all tokens besides, which takes longer than the
        // tokenising.
        TokenizersLibrary library = TokenizersLibrary.LIB;
        long[] ids;
        CharSpan[] spans;
        long encoding = library.encode(tokenizer.getHandle(), clean, addSpecial);
        try {
            ids = library.getTokenIds(encoding);
            spans = library.getTokenCharSpans(encoding);
        } finally {
            library.deleteEncoding(encoding);
        }
        Encoded encoded = new Encoded(new int[ids.length], new int[ids.length], new int[ids.length]);
        int[] units = utf16Offsets(clean);
        for (int i = 0; i < ids.length; i++) {
            encoded.ids()[i] = Math.toIntExact(ids[i]);
            CharSpan span = spans[i];
            encoded.start()[i] = span == null ? Encoded.NO_TEXT : toUnits(units, span.getStart());
            encoded.end()[i] = span == null ? Encoded.NO_TEXT : toUnits(units, span.getEnd());
        }
        return encoded;
    }

    /** Text of {@code ids}; ids that the tokenizer does not know (models pad their vocabulary) give nothing. */
    public String decode(int[] ids, boolean skipSpecial) {
        long[] wide = new long[ids.length];
        for (int i = 0; i < ids.length; i++) {
            wide[i] = ids[i];
        }
        return tokenizer.decode(wide, skipSpecial);
    }

    /** One more than the largest id, added tokens included. The model's table may be larger, never smaller. */
    public int vocabularySize() {
        return special.size();
    }

    public OptionalInt bosId() {
        return special.bos();
    }

    public OptionalInt eosId() {
        return special.eos();
    }

    public OptionalInt padId() {
        return special.pad();
    }

    /** How special tokens are written in text, by the names that chat templates use: {@code bos_token}, {@code eos_token}, {@code pad_token}. */
    Map<String, String> specialTexts() {
        Map<String, String> texts = new LinkedHashMap<>();
        put(texts, "bos_token", special.bos());
        put(texts, "eos_token", special.eos());
        put(texts, "pad_token", special.pad());
        return texts;
    }

    private void put(Map<String, String> texts, String name, OptionalInt id) {
        if (id.isPresent() && special.texts().containsKey(id.getAsInt())) {
            texts.put(name, special.texts().get(id.getAsInt()));
        }
    }

    /** How the end token is written in text, if there is one and it has a text. */
    public Optional<String> eosText() {
        return special.eos().isEmpty()
                ? Optional.empty()
                : Optional.ofNullable(special.texts().get(special.eos().getAsInt()));
    }

    /** Every id at which generation should stop: the end token and those that the model's own files name besides. */
    public SortedSet<Integer> stopIds() {
        return special.stops();
    }

    @Override
    public void close() {
        tokenizer.close();
    }

    /** Half of a surrogate pair cannot cross into native code: DJL would then garble the whole text, not only that place. */
    private static String withoutLoneSurrogates(String text) {
        StringBuilder copy = null;
        for (int i = 0; i < text.length(); i++) {
            char unit = text.charAt(i);
            if (!Character.isSurrogate(unit)) {
                continue;
            }
            if (Character.isHighSurrogate(unit)
                    && i + 1 < text.length()
                    && Character.isLowSurrogate(text.charAt(i + 1))) {
                i++;
                continue;
            }
            copy = copy == null ? new StringBuilder(text) : copy;
            copy.setCharAt(i, '\uFFFD');
        }
        return copy == null ? text : copy.toString();
    }

    /** DJL counts code points. Returns the UTF-16 offset of each of them and of the end, or null where both are the same. */
    private static int[] utf16Offsets(String text) {
        int points = text.codePointCount(0, text.length());
        if (points == text.length()) {
            return null;
        }
        int[] offsets = new int[points + 1];
        for (int point = 0, unit = 0; point < points; point++) {
            unit += Character.charCount(text.codePointAt(unit));
            offsets[point + 1] = unit;
        }
        return offsets;
    }

    private static int toUnits(int[] units, int point) {
        return units == null ? point : units[point];
    }
}
