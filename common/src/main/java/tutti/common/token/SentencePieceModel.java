package tutti.common.token;

import static tutti.common.error.TuttiException.data;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/**
 * What a SentencePiece {@code tokenizer.model} holds; the message is ModelProto of sentencepiece_model.proto.
 *
 * @param pieces in the order of their ids
 * @param bos id of the beginning token; negative: there is none. {@code eos} and {@code unk} likewise
 * @param byteFallback characters that no piece holds are written as their bytes
 * @param addDummyPrefix a space goes before each text
 * @param removeExtraWhitespaces spaces at both ends are dropped, and runs of them are one
 */
record SentencePieceModel(
        List<Piece> pieces,
        int bos,
        int eos,
        int unk,
        boolean byteFallback,
        boolean addDummyPrefix,
        boolean removeExtraWhitespaces) {
    private static final long MOST_BYTES = 256L << 20;
    private static final int BPE = 2;

    enum Kind {
        NORMAL,
        UNKNOWN,
        CONTROL,
        USER_DEFINED,
        UNUSED,
        BYTE
    }

    /** @param score of two neighbours the pair with the highest is merged first */
    record Piece(String text, float score, Kind kind) {}

    /** A file that is no such model, or of a kind other than BPE, is a DATA failure. */
    static SentencePieceModel read(Path file) {
        try {
            if (Files.size(file) > MOST_BYTES) {
                throw data("%s: %,d bytes, at most %,d; is it a tokenizer?", file, Files.size(file), MOST_BYTES);
            }
            return parse(file, new ProtobufFields(ByteBuffer.wrap(Files.readAllBytes(file))));
        } catch (IllegalArgumentException e) {
            throw new TuttiException(
                    Category.DATA,
                    "%s: not a SentencePiece model: %s; download it again".formatted(file, e.getMessage()),
                    e);
        } catch (IOException e) {
            throw new TuttiException(Category.ENVIRONMENT, file + ": cannot be read: " + e, e);
        }
    }

    /** {@code bos_token} and {@code eos_token} as {@code tokenizer_config.json} would have them. */
    JsonNode specialTokens() {
        ObjectNode named = new JsonMapper().createObjectNode();
        if (bos >= 0) {
            named.put("bos_token", pieces.get(bos).text());
        }
        if (eos >= 0) {
            named.put("eos_token", pieces.get(eos).text());
        }
        return named;
    }

    private static SentencePieceModel parse(Path file, ProtobufFields model) {
        List<Piece> pieces = new ArrayList<>();
        // Defaults of the proto's trainer_spec and normalizer_spec.
        long kind = 1;
        long bos = 1;
        long eos = 2;
        long unk = 0;
        boolean byteFallback = false;
        boolean addDummyPrefix = true;
        boolean removeExtra = true;
        while (model.next()) {
            switch (model.number()) {
                case 1 -> pieces.add(piece(model.message()));
                case 2 -> {
                    for (ProtobufFields trainer = model.message(); trainer.next(); ) {
                        switch (trainer.number()) {
                            case 3 -> kind = trainer.integer();
                            case 35 -> byteFallback = trainer.integer() != 0;
                            case 40 -> unk = trainer.integer();
                            case 41 -> bos = trainer.integer();
                            case 42 -> eos = trainer.integer();
                            default -> {}
                        }
                    }
                }
                case 3 -> {
                    for (ProtobufFields normalizer = model.message(); normalizer.next(); ) {
                        switch (normalizer.number()) {
                            case 2 -> require(!normalizer.blob().hasRemaining(), file, "it maps characters");
                            case 3 -> addDummyPrefix = normalizer.integer() != 0;
                            case 4 -> removeExtra = normalizer.integer() != 0;
                            case 5 -> require(normalizer.integer() != 0, file, "it does not escape spaces");
                            default -> {}
                        }
                    }
                }
                default -> {}
            }
        }
        if (pieces.isEmpty()) {
            throw new IllegalArgumentException("it holds no pieces");
        }
        if (Math.max(bos, Math.max(eos, unk)) >= pieces.size()) {
            throw new IllegalArgumentException("a special token is none of its %d pieces".formatted(pieces.size()));
        }
        require(kind == BPE, file, "it is of kind %d, not BPE".formatted(kind));
        return new SentencePieceModel(
                List.copyOf(pieces), (int) bos, (int) eos, (int) unk, byteFallback, addDummyPrefix, removeExtra);
    }

    private static Piece piece(ProtobufFields fields) {
        String text = "";
        float score = 0;
        Kind kind = Kind.NORMAL;
        while (fields.next()) {
            switch (fields.number()) {
                case 1 -> text = fields.text();
                case 2 -> score = fields.real();
                case 3 -> {
                    long given = fields.integer();
                    if (given < 1 || given > Kind.values().length) {
                        throw new IllegalArgumentException("a piece of unknown kind " + given);
                    }
                    kind = Kind.values()[(int) given - 1];
                }
                default -> {}
            }
        }
        return new Piece(text, score, kind);
    }

    private static void require(boolean read, Path file, String what) {
        TuttiException.require(
                read,
                Category.DATA,
                "%s: %s; what Llama and Mistral have is read, of others"
                        + " AutoTokenizer.from_pretrained(..).save_pretrained(..) makes a tokenizer.json",
                file,
                what);
    }
}
