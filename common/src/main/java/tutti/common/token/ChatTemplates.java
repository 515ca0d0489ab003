package tutti.common.token;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tutti.common.error.TuttiException;

/** Finds the chat template of a run: the one that was asked for, the model folder's, or the usual one. */
public final class ChatTemplates {
    static final List<String> BUILT_IN = List.of(VicunaTemplate.NAME, "chatml", "llama-2", "alpaca");

    /** No template is longer; a file that is, is something else. */
    private static final long MAX_BYTES = 1 << 20;

    private ChatTemplates() {}

    /**
     * @param wanted as {@code --chat_template} has it
     * @param endText what ends an answer where the template does not say so itself
     * @param specialTokens as templates name them
     */
    static ChatTemplate of(String wanted, Path folder, String endText, Map<String, String> specialTokens) {
        if (wanted.isEmpty()) {
            return ofFolder(folder)
                    .<ChatTemplate>map(source -> new JinjaChatTemplate(nameOf(folder), source, specialTokens))
                    .orElseGet(() -> new VicunaTemplate(endText));
        }
        if (wanted.equals(VicunaTemplate.NAME)) {
            return new VicunaTemplate(endText);
        }
        return new JinjaChatTemplate(wanted, source(wanted), specialTokens);
    }

    /**
     * As {@link ExampleEncoder#template} has it, without a tokenizer.
     *
     * @param wanted as {@code --chat_template} has it
     */
    public static String name(String wanted, Path folder) {
        if (!wanted.isEmpty()) {
            return wanted;
        }
        return ofFolder(folder).isPresent() ? nameOf(folder) : VicunaTemplate.NAME;
    }

    private static String nameOf(Path folder) {
        return "of " + folder;
    }

    /** The Jinja of one that was asked for. */
    private static String source(String wanted) {
        if (BUILT_IN.contains(wanted)) {
            return builtIn(wanted);
        }
        Path file = Path.of(wanted);
        if (!Files.isRegularFile(file)) {
            throw TuttiException.user(
                    "--chat_template %s: no file, and none of %s", wanted, String.join(", ", BUILT_IN));
        }
        return read(file);
    }

    /**
     * What a folder of a model that was trained with it has to hold, for others to ask the model in the same way.
     *
     * @param wanted as {@code --chat_template} has it
     * @return Jinja; empty where it is the folder's own, or the usual one
     */
    public static Optional<String> toKeep(String wanted) {
        return wanted.isEmpty() || wanted.equals(VicunaTemplate.NAME) ? Optional.empty() : Optional.of(source(wanted));
    }

    /** {@code chat_template.jinja}, or {@code chat_template} in tokenizer_config.json: a text, or a list with one named default. */
    private static Optional<String> ofFolder(Path folder) {
        Path file = folder.resolve("chat_template.jinja");
        if (Files.isRegularFile(file)) {
            return Optional.of(read(file));
        }
        JsonNode template =
                SpecialTokens.readJson(folder.resolve("tokenizer_config.json")).path("chat_template");
        if (template.isArray()) {
            for (JsonNode one : template) {
                if (one.path("name").asText().equals("default")) {
                    return Optional.of(one.path("template").asText());
                }
            }
        }
        return template.isTextual() ? Optional.of(template.asText()) : Optional.empty();
    }

    private static String read(Path file) {
        try {
            if (Files.size(file) > MAX_BYTES) {
                throw TuttiException.data("%s: %d bytes are no chat template", file, Files.size(file));
            }
            return Files.readString(file);
        } catch (IOException e) {
            throw TuttiException.data("%s: cannot be read as a chat template: %s", file, e);
        }
    }

    private static String builtIn(String name) {
        try (InputStream in = ChatTemplates.class.getResourceAsStream("/tutti/chat-templates/" + name + ".jinja")) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }
}
