package tutti.common.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.common.Shared;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

class ModelFolderTest {
    @TempDir
    Path folder;

    @Test
    void shouldReadTheSameWeightsFromShardsAsFromOneFile() {
        try (ModelFolder whole = ModelFolder.open(Shared.file("models/stories260k"));
                ModelFolder shards = ModelFolder.open(Shared.file("models/stories260k-sharded"))) {
            assertThat(shards.names())
                    .containsAll(whole.names())
                    .hasSize(whole.names().size());
            for (String name : whole.names()) {
                assertThat(shards.info(name).shape()).isEqualTo(whole.info(name).shape());
                assertThat(f32(shards, name)).isEqualTo(f32(whole, name));
            }
        }
    }

    @Test
    void shouldWidenBrainFloatsExactlyAndInAnyCut() {
        try (ModelFolder model = ModelFolder.open(Shared.file("models/tinystories-656k"))) {
            String name = "model.embed_tokens.weight";
            assertThat(model.info(name).dtype()).isEqualTo(StoredDType.BF16);
            ByteBuffer all = f32(model, name);
            ByteBuffer some = ByteBuffer.allocateDirect(40).order(ByteOrder.LITTLE_ENDIAN);
            model.readAsF32(name, 1000, some);
            assertThat(some.flip()).isEqualTo(all.slice(4000, 40));
            assertThat(all.getInt(4000) & 0xFFFF).isZero();
        }
    }

    @Test
    void shouldSayWhatIsMissing() throws IOException {
        refused("no such model folder", folder.resolve("none"));
        refused("has neither model.safetensors nor", folder);
        Files.createFile(folder.resolve("pytorch_model.bin"));
        refused("pytorch_model.bin is not read", folder);
        index("{\"weight_map\":{\"a\":\"one.safetensors\"}}");
        refused("shard one.safetensors is missing, it holds tensor 'a'", folder);
        write("one.safetensors", "b");
        refused("tensor 'a' is not in one.safetensors", folder);
        index("{\"weight_map\":{\"b\":\"../one.safetensors\"}}");
        refused("needs the name of a .safetensors file of this folder", folder);
        index("{\"weight_map\":{}}");
        refused("has no weight_map", folder);
        index("{\"weight_map\":{\"b\":\"one.safetensors\",\"b\":\"one.safetensors\"}}");
        refused("not valid JSON: Duplicate", folder);
        index("{\"weight_map\":{\"b\":\"one.safetensors\"}}");
        try (ModelFolder model = ModelFolder.open(folder)) {
            assertThat(model.names()).containsExactly("b");
            assertThatThrownBy(() -> model.info("c")).hasMessageContaining("has no tensor 'c'");
            assertThatThrownBy(() -> model.readAsF32("b", ByteBuffer.allocate(4)))
                    .hasMessageContaining("'b' is U8, weights need F32");
        }
    }

    private void refused(String message, Path where) {
        assertThatThrownBy(() -> ModelFolder.open(where))
                .isInstanceOfSatisfying(
                        TuttiException.class, e -> assertThat(e.category()).isEqualTo(Category.DATA))
                .hasMessageContaining(message);
    }

    private void index(String json) throws IOException {
        Files.writeString(folder.resolve("model.safetensors.index.json"), json);
    }

    private void write(String file, String tensor) {
        var entry = SafetensorsWriterTest.entry(tensor, StoredDType.U8, List.of(1L), ByteBuffer.allocate(1));
        SafetensorsWriter.write(folder.resolve(file), List.of(entry), false);
    }

    private static ByteBuffer f32(ModelFolder model, String name) {
        ByteBuffer into =
                ByteBuffer.allocateDirect((int) model.info(name).elements() * 4).order(ByteOrder.LITTLE_ENDIAN);
        model.readAsF32(name, into);
        return into.flip();
    }
}
