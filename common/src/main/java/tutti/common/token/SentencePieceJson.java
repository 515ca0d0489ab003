package tutti.common.token;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import tutti.common.token.SentencePieceModel.Kind;
import tutti.common.token.SentencePieceModel.Piece;

/**
 * A SentencePiece model as the {@code tokenizer.json} that says the same, so that one tokenizer reads both. Source: transformers' {@code
 * LlamaConverter}; spaces that SentencePiece drops are dropped here, too.
 *
 * @param more tokens behind those of the model, in the order of their ids
 * @param addBos the beginning token goes before each text
 * @param addEos the end token goes behind it
 */
record SentencePieceJson(SentencePieceModel model, List<AddedToken> more, boolean addBos, boolean addEos) {
    private static final JsonMapper JSON = new JsonMapper();
    private static final String SPACE = "\u2581";
    /** SentencePiece drops all that a text would begin with. */
    private static final int MOST_SPACES = 1 << 20;

    /** One way to make a piece of two. */
    private record Merge(String left, String right, float score) {}

    ObjectNode toJson() {
        ObjectNode json = JSON.createObjectNode().put("version", "1.0");
        json.putNull("truncation").putNull("padding");
        addedTokens(json.putArray("added_tokens"));
        normalizer(json.putObject("normalizer"));
        json.putNull("pre_tokenizer");
        postProcessor(json);
        decoder(json.putObject("decoder"));
        bpe(json.putObject("model"));
        return json;
    }

    private void addedTokens(ArrayNode added) {
        int first = model.pieces().size();
        for (int number = 0; number < more.size(); number++) {
            add(added, first + number, more.get(number).text(), more.get(number).special());
        }
        for (int id = 0; id < model.pieces().size(); id++) {
            Kind kind = model.pieces().get(id).kind();
            if (kind == Kind.CONTROL || kind == Kind.UNKNOWN || kind == Kind.USER_DEFINED) {
                add(added, id, text(id), kind != Kind.USER_DEFINED);
            }
        }
    }

    private static void add(ArrayNode added, int id, String text, boolean special) {
        added.addObject()
                .put("id", id)
                .put("content", text)
                .put("single_word", false)
                .put("lstrip", false)
                .put("rstrip", false)
                .put("normalized", false)
                .put("special", special);
    }

    private void normalizer(ObjectNode normalizer) {
        ArrayNode steps = normalizer.put("type", "Sequence").putArray("normalizers");
        if (model.removeExtraWhitespaces()) {
            replace(steps, "Regex", "\\A +| +\\z", "");
            replace(steps, "Regex", " {2,}", " ");
        }
        if (model.addDummyPrefix()) {
            steps.addObject().put("type", "Prepend").put("prepend", SPACE);
        }
        replace(steps, "String", " ", SPACE);
    }

    private static void replace(ArrayNode steps, String kind, String what, String by) {
        steps.addObject()
                .put("type", "Replace")
                .put("content", by)
                .putObject("pattern")
                .put(kind, what);
    }

    private void postProcessor(ObjectNode json) {
        boolean begins = addBos && model.bos() >= 0;
        boolean ends = addEos && model.eos() >= 0;
        if (!begins && !ends) {
            json.putNull("post_processor");
            return;
        }
        ObjectNode post = json.putObject("post_processor").put("type", "TemplateProcessing");
        ArrayNode single = post.putArray("single");
        ArrayNode pair = post.putArray("pair");
        ObjectNode special = post.putObject("special_tokens");
        for (ArrayNode template : List.of(single, pair)) {
            for (int text = 0; text < (template == single ? 1 : 2); text++) {
                if (begins) {
                    token(template, special, model.bos(), text);
                }
                template.addObject()
                        .putObject("Sequence")
                        .put("id", text == 0 ? "A" : "B")
                        .put("type_id", text);
                if (ends) {
                    token(template, special, model.eos(), text);
                }
            }
        }
    }

    private void token(ArrayNode template, ObjectNode special, int id, int text) {
        template.addObject().putObject("SpecialToken").put("id", text(id)).put("type_id", text);
        ObjectNode one = special.putObject(text(id)).put("id", text(id));
        one.putArray("ids").add(id);
        one.putArray("tokens").add(text(id));
    }

    private void decoder(ObjectNode decoder) {
        ArrayNode steps = decoder.put("type", "Sequence").putArray("decoders");
        replace(steps, "String", SPACE, " ");
        steps.addObject().put("type", "ByteFallback");
        steps.addObject().put("type", "Fuse");
        if (model.addDummyPrefix()) {
            steps.addObject()
                    .put("type", "Strip")
                    .put("content", " ")
                    .put("start", model.removeExtraWhitespaces() ? MOST_SPACES : 1)
                    .put("stop", 0);
        }
    }

    private void bpe(ObjectNode bpe) {
        bpe.put("type", "BPE").put("fuse_unk", true).put("byte_fallback", model.byteFallback());
        if (model.unk() >= 0) {
            bpe.put("unk_token", text(model.unk()));
        }
        ObjectNode vocabulary = bpe.putObject("vocab");
        Map<String, Integer> ids = new HashMap<>();
        for (int id = 0; id < model.pieces().size(); id++) {
            vocabulary.put(text(id), id);
            ids.putIfAbsent(text(id), id);
        }
        ArrayNode merges = bpe.putArray("merges");
        merges(ids).forEach(merge -> merges.addArray().add(merge.left()).add(merge.right()));
    }

    /** Best first. Pieces are made of any two others, whichever way SentencePiece came to them. */
    private List<Merge> merges(Map<String, Integer> ids) {
        List<Merge> merges = new ArrayList<>();
        for (Piece piece : model.pieces()) {
            String text = piece.kind() == Kind.NORMAL ? piece.text() : "";
            for (int cut = 1; cut < text.length(); cut++) {
                String left = text.substring(0, cut);
                String right = text.substring(cut);
                if (ids.containsKey(left) && ids.containsKey(right)) {
                    merges.add(new Merge(left, right, piece.score()));
                }
            }
        }
        merges.sort(Comparator.comparingDouble((Merge merge) -> -merge.score()));
        return merges;
    }

    private String text(int id) {
        return model.pieces().get(id).text();
    }
}
