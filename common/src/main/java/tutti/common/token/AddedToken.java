package tutti.common.token;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/** A token that a model folder adds to those of its {@code tokenizer.model}. */
record AddedToken(String text, boolean special) {
    private static final String FILE_NAME = "added_tokens.json";

    /**
     * Those of {@code added_tokens.json} and of {@code added_tokens_decoder} in {@code tokenizer_config.json}, by their ids. Ids with a gap
     * are a DATA failure.
     *
     * @param size tokens of the model
     */
    static List<AddedToken> read(Path folder, JsonNode config, int size) {
        Map<Integer, AddedToken> added = new TreeMap<>();
        SpecialTokens.readJson(folder.resolve(FILE_NAME))
                .properties()
                .forEach(token -> added.put(token.getValue().asInt(), new AddedToken(token.getKey(), true)));
        config.path("added_tokens_decoder").properties().forEach(token -> {
            JsonNode one = token.getValue();
            added.put(
                    Integer.parseInt(token.getKey()),
                    new AddedToken(
                            one.path("content").asText(), one.path("special").asBoolean()));
        });
        added.keySet().removeIf(id -> id < size);
        int expected = size;
        for (int id : added.keySet()) {
            TuttiException.require(
                    id == expected++,
                    Category.DATA,
                    "%s: it adds token %d, but none before it from %d on; is a file of the folder missing?",
                    folder,
                    id,
                    size);
        }
        return List.copyOf(added.values());
    }
}
