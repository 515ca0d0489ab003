package tutti.common.config;

import static tutti.common.error.TuttiException.require;
import static tutti.common.error.TuttiException.user;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Values by key, as text, with typed readers that name the key, the value and the rule when they refuse. Later sources win:
 * defaults, {@code --config} file, flags.
 */
public final class Settings {
    private static final long MAX_CONFIG_BYTES = 1 << 20;

    private final Map<String, String> values = new LinkedHashMap<>();
    private final List<String> answers = new ArrayList<>();
    private final Set<Key> read = new HashSet<>();

    /**
     * @param flags name (dashes or underscores) to value, in the order given
     * @param configFile YAML or JSON with the same keys, or null
     */
    public static Settings of(Map<String, String> flags, Path configFile) {
        Settings settings = new Settings();
        if (configFile != null) {
            settings.addFile(configFile);
        }
        flags.forEach((name, value) -> settings.put(name, value, "--" + name));
        return settings;
    }

    /** One line for each flag that was taken without effect. */
    public List<String> answers() {
        return List.copyOf(answers);
    }

    /** Every key with the value in force: written to {@code run.json}, and readable as {@code --config}. */
    public Map<String, String> effective() {
        Map<String, String> all = new LinkedHashMap<>();
        for (Key key : Keys.all()) {
            all.put(key.name(), text(key));
        }
        return all;
    }

    /** Keys that some record has read. */
    Set<Key> read() {
        return read;
    }

    String text(Key key) {
        read.add(key);
        return values.getOrDefault(key.name(), key.fallback());
    }

    boolean flag(Key key) {
        return parseSwitch(key.name(), text(key));
    }

    long integer(Key key) {
        String text = text(key).replace("_", "");
        try {
            return Long.parseLong(text);
        } catch (NumberFormatException e) {
            throw user("--%s=%s: not a whole number", key.name(), text(key));
        }
    }

    int int32(Key key) {
        long value = integer(key);
        require(
                value >= Integer.MIN_VALUE && value <= Integer.MAX_VALUE,
                "--%s=%d: does not fit 32 bits",
                key.name(),
                value);
        return (int) value;
    }

    double number(Key key) {
        try {
            double value = Double.parseDouble(text(key).replace("_", ""));
            require(Double.isFinite(value), "--%s=%s: not a finite number", key.name(), text(key));
            return value;
        } catch (NumberFormatException e) {
            throw user("--%s=%s: not a number", key.name(), text(key));
        }
    }

    List<String> list(Key key) {
        return Arrays.stream(text(key).split(","))
                .map(String::trim)
                .filter(item -> !item.isEmpty())
                .toList();
    }

    <E extends Enum<E>> E choice(Key key, Class<E> type) {
        String word = text(key).toUpperCase(Locale.ROOT);
        for (E constant : type.getEnumConstants()) {
            if (constant.name().equals(word)) {
                return constant;
            }
        }
        String known = String.join(
                ", ",
                Arrays.stream(type.getEnumConstants())
                        .map(constant -> constant.name().toLowerCase(Locale.ROOT))
                        .toList());
        throw user("--%s=%s: not one of %s", key.name(), text(key), known);
    }

    static boolean parseSwitch(String name, String text) {
        return switchWord(text).orElseThrow(() -> user("--%s=%s: not True or False", name, text));
    }

    /** What a word that turns something on or off says; empty if it is none. */
    static Optional<Boolean> switchWord(String text) {
        return switch (text.toLowerCase(Locale.ROOT)) {
            case "true", "1", "yes", "on" -> Optional.of(true);
            case "false", "0", "no", "off" -> Optional.of(false);
            default -> Optional.empty();
        };
    }

    private void put(String name, String value, String origin) {
        String key = Keys.newName(name.replace('-', '_'));
        if (Keys.byName().containsKey(key)) {
            values.put(key, value);
            return;
        }
        String answer = Answered.answer(key);
        if (answer == null) {
            throw user("%s: no such setting; did you mean %s?", origin, nearest(key));
        }
        answers.add("--%s %s: no effect: %s".formatted(key, value, answer).replaceAll("\\s+", " "));
    }

    private void addFile(Path file) {
        try {
            long size = Files.size(file);
            require(size <= MAX_CONFIG_BYTES, "--config %s: %d bytes, more than %d", file, size, MAX_CONFIG_BYTES);
            JsonNode root = new YAMLMapper(new YAMLFactory()).readTree(file.toFile());
            require(root != null && root.isObject(), "--config %s: not a list of KEY: VALUE", file);
            for (Map.Entry<String, JsonNode> field : root.properties()) {
                put(field.getKey(), textOf(field.getValue(), file, field.getKey()), file + ": " + field.getKey());
            }
        } catch (JsonProcessingException e) {
            // A nesting too deep comes without a place.
            String where = e.getLocation() == null
                    ? ""
                    : " line %d:".formatted(e.getLocation().getLineNr());
            throw user(
                    "--config %s:%s %s",
                    file, where, e.getOriginalMessage().strip().replaceAll("\\s+", " "));
        } catch (IOException e) {
            throw user("--config %s: cannot be read: %s", file, e.getMessage());
        }
    }

    private static String textOf(JsonNode node, Path file, String key) {
        if (node.isArray()) {
            List<String> items = new ArrayList<>();
            node.forEach(item -> items.add(item.asText()));
            return String.join(",", items);
        }
        Key known = Keys.byName().get(key.replace('-', '_'));
        if (node.isObject() && known != null && known.kind() == Key.Kind.OBJECT) {
            return node.toString();
        }
        require(node.isValueNode(), "--config %s: %s: a single value is needed here", file, key);
        return node.isNull() ? "" : node.asText();
    }

    /** The known name with the smallest edit distance, as {@code --name}. */
    public static String nearest(String name) {
        List<String> known = new ArrayList<>(Keys.byName().keySet());
        known.addAll(Answered.all().keySet());
        return "--" + nearest(name, known);
    }

    /** The one of {@code known}, which is not empty, with the smallest edit distance; the first of several. */
    public static String nearest(String name, List<String> known) {
        return known.stream()
                .min(Comparator.comparingInt(one -> distance(one, name)))
                .orElseThrow();
    }

    /** Levenshtein's edit distance. */
    private static int distance(String a, String b) {
        int[] row = new int[b.length() + 1];
        for (int j = 0; j <= b.length(); j++) {
            row[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int substitute = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(substitute, Math.min(row[j], row[j - 1]) + 1);
            }
        }
        return row[b.length()];
    }
}
