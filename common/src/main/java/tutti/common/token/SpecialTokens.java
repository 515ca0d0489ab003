package tutti.common.token;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalInt;
import java.util.SortedSet;
import java.util.TreeSet;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/**
 * Which ids begin, end and pad a text. The tokenizer's own files come first ({@code tokenizer_config.json}, {@code
 * special_tokens_map.json}), then the model's ({@code generation_config.json}, {@code config.json}); they may be missing.
 *
 * @param size one more than the largest id
 * @param stops every id that any of the files calls an end; chat models have more than one
 */
record SpecialTokens(
        OptionalInt bos,
        OptionalInt eos,
        OptionalInt pad,
        SortedSet<Integer> stops,
        Map<Integer, String> texts,
        int size) {
    private static final JsonMapper JSON = new JsonMapper();

    /**
     * @param tokenizerJson what {@code tokenizer.json} holds
     * @param own {@code bos_token} and {@code eos_token} of the tokenizer itself, for where the folder's files name none
     */
    static SpecialTokens read(Path folder, JsonNode tokenizerJson, JsonNode own) {
        Map<String, Integer> ids = new HashMap<>();
        int size = readVocabulary(tokenizerJson, ids);
        JsonNode tokenizer = readJson(folder.resolve("tokenizer_config.json"));
        JsonNode map = readJson(folder.resolve("special_tokens_map.json"));
        JsonNode generation = readJson(folder.resolve("generation_config.json"));
        JsonNode config = readJson(folder.resolve("config.json"));

        SortedSet<Integer> stops = new TreeSet<>();
        Map<Integer, String> texts = new HashMap<>();
        OptionalInt[] found = new OptionalInt[3];
        String[] names = {"bos_token", "eos_token", "pad_token"};
        for (int i = 0; i < names.length; i++) {
            found[i] = OptionalInt.empty();
            for (JsonNode file : new JsonNode[] {tokenizer, map, own}) {
                // Either the text itself or an object around it.
                JsonNode token = file.path(names[i]);
                String text = token.isObject() ? token.path("content").asText("") : token.asText("");
                if (found[i].isEmpty() && ids.containsKey(text)) {
                    found[i] = OptionalInt.of(ids.get(text));
                }
            }
            for (JsonNode file : new JsonNode[] {generation, config}) {
                JsonNode id = file.path(names[i] + "_id");
                JsonNode first = id.isArray() ? id.path(0) : id;
                if (found[i].isEmpty() && first.isInt() && first.intValue() >= 0) {
                    found[i] = OptionalInt.of(first.intValue());
                }
            }
        }
        found[1].ifPresent(stops::add);
        for (JsonNode file : new JsonNode[] {generation, config}) {
            JsonNode id = file.path("eos_token_id");
            (id.isArray() ? id : JSON.createArrayNode().add(id)).forEach(stop -> {
                if (stop.isInt()) {
                    stops.add(stop.intValue());
                }
            });
        }
        ids.forEach((text, id) -> {
            boolean named = Arrays.stream(found).anyMatch(one -> one.isPresent() && one.getAsInt() == id);
            if (named || stops.contains(id)) {
                texts.put(id, text);
            }
        });
        return new SpecialTokens(
                found[0], found[1], found[2], Collections.unmodifiableSortedSet(stops), Map.copyOf(texts), size);
    }

    /** Fills {@code ids} and returns one more than the largest of them. */
    private static int readVocabulary(JsonNode tokenizerJson, Map<String, Integer> ids) {
        JsonNode vocabulary = tokenizerJson.path("model").path("vocab");
        if (vocabulary.isArray()) {
            // Unigram models list [text, score] pairs in the order of ids.
            for (int id = 0; id < vocabulary.size(); id++) {
                ids.put(vocabulary.get(id).path(0).asText(), id);
            }
        } else {
            vocabulary
                    .properties()
                    .forEach(entry -> ids.put(entry.getKey(), entry.getValue().asInt()));
        }
        tokenizerJson
                .path("added_tokens")
                .forEach(token ->
                        ids.put(token.path("content").asText(), token.path("id").asInt()));
        return ids.values().stream().mapToInt(id -> id + 1).max().orElse(0);
    }

    /** Missing where there is no such file. */
    static JsonNode readJson(Path file) {
        if (!Files.isRegularFile(file)) {
            return MissingNode.getInstance();
        }
        try {
            return JSON.readTree(file.toFile());
        } catch (JsonProcessingException e) {
            throw new TuttiException(
                    Category.DATA, file + ": not valid JSON: " + e.getOriginalMessage() + "; download it again", e);
        } catch (IOException e) {
            throw new TuttiException(Category.ENVIRONMENT, file + ": cannot be read: " + e, e);
        }
    }
}
