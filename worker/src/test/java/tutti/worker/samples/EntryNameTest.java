package tutti.worker.samples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.common.checkpoint.FileDigest;
import tutti.common.config.DataConfig;
import tutti.common.config.DataFormat;
import tutti.common.config.EncodingConfig;
import tutti.common.config.EncodingConfig.OverLength;
import tutti.common.config.EncodingConfig.TrainOn;
import tutti.common.config.SampleBy;

/** Whatever shapes samples changes the name, and nothing else does. */
class EntryNameTest {
    @TempDir
    Path folder;

    @Test
    void shouldChangeWithAllThatShapesSamples() throws IOException {
        Path data = Files.writeString(folder.resolve("data.jsonl"), "{\"text\":\"a\"}");
        Path other = Files.writeString(folder.resolve("other.jsonl"), "{\"text\":\"b\"}");
        Path model = Files.createDirectory(folder.resolve("model"));
        Files.writeString(model.resolve("tokenizer.json"), "{}");
        List<String> names = new ArrayList<>();
        names.add(name(new DataConfig(List.of(data)), EncodingConfig.USUAL, model, 16, 100));
        names.add(name(new DataConfig(List.of(other)), EncodingConfig.USUAL, model, 16, 100));
        names.add(name(new DataConfig(List.of(data, other)), EncodingConfig.USUAL, model, 16, 100));
        names.add(name(new DataConfig(List.of(other, data)), EncodingConfig.USUAL, model, 16, 100));
        for (DataConfig config : List.of(
                new DataConfig(List.of(data), true, DataFormat.TEXT, Map.of(), SampleBy.LINE, ""),
                new DataConfig(List.of(data), true, DataFormat.TEXT, Map.of("text", "words"), SampleBy.LINE, ""),
                new DataConfig(List.of(data), true, DataFormat.TEXT, Map.of(), SampleBy.LINE, "A:"),
                new DataConfig(List.of(data), true, DataFormat.AUTO, Map.of(), SampleBy.PARAGRAPH, ""))) {
            names.add(name(config, EncodingConfig.USUAL, model, 16, 100));
        }
        Path template = Files.writeString(folder.resolve("chat.jinja"), "one");
        for (EncodingConfig encoding : List.of(
                new EncodingConfig("chatml", TrainOn.ASSISTANT, OverLength.TRUNCATE),
                new EncodingConfig("vicuna_v1.1", TrainOn.ASSISTANT, OverLength.TRUNCATE),
                new EncodingConfig(template.toString(), TrainOn.ASSISTANT, OverLength.TRUNCATE),
                new EncodingConfig("", TrainOn.ALL, OverLength.TRUNCATE),
                new EncodingConfig("", TrainOn.ASSISTANT, OverLength.DROP))) {
            names.add(name(new DataConfig(List.of(data)), encoding, model, 16, 100));
        }
        names.add(name(new DataConfig(List.of(data)), EncodingConfig.USUAL, model, 17, 100));
        names.add(name(new DataConfig(List.of(data)), EncodingConfig.USUAL, model, 16, 101));
        Files.writeString(template, "two");
        names.add(name(
                new DataConfig(List.of(data)),
                new EncodingConfig(template.toString(), TrainOn.ASSISTANT, OverLength.TRUNCATE),
                model,
                16,
                100));
        for (String file : List.of(
                "tokenizer.json",
                "tokenizer_config.json",
                "special_tokens_map.json",
                "generation_config.json",
                "config.json",
                "chat_template.jinja")) {
            Files.writeString(model.resolve(file), "{\"changed\":1}");
            names.add(name(new DataConfig(List.of(data)), EncodingConfig.USUAL, model, 16, 100));
        }
        assertThat(names).doesNotHaveDuplicates().allMatch(name -> name.matches("[0-9a-f]{64}"));
    }

    @Test
    void shouldNotChangeWithTheFolderOrTheOrderOfTraining() throws IOException {
        Path here = Files.createDirectory(folder.resolve("here"));
        Path data = Files.writeString(here.resolve("data.jsonl"), "{\"text\":\"a\"}");
        Path there = Files.createDirectory(folder.resolve("there"));
        Path copy = Files.copy(data, there.resolve("data.jsonl"));
        DataConfig inOrder = new DataConfig(List.of(copy), false, DataFormat.AUTO, Map.of(), SampleBy.LINE, "");
        assertThat(name(inOrder, EncodingConfig.USUAL, there, 16, 100))
                .isEqualTo(name(new DataConfig(List.of(data)), EncodingConfig.USUAL, here, 16, 100));
    }

    private static String name(DataConfig data, EncodingConfig encoding, Path model, int maxLength, int vocabulary)
            throws IOException {
        List<FileDigest> content = new ArrayList<>();
        for (Path file : data.paths()) {
            content.add(FileDigest.of(file));
        }
        return EntryName.of(SampleSource.of(data, encoding, model, maxLength, vocabulary, 1), content);
    }
}
