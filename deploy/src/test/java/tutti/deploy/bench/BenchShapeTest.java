package tutti.deploy.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.worker.model.LlamaConfig;

class BenchShapeTest {
    @TempDir
    Path folder;

    /** The counts that the published checkpoints of llama2.c have; a tied head once. */
    @ParameterizedTest
    @CsvSource({"tiny,260032", "15m,15191712", "42m,41689600", "110m,109529856"})
    void shouldHaveTheSizesOfTheFamily(String name, long parameters) {
        assertThat(BenchShape.of(name, 256).parameters()).isEqualTo(parameters);
    }

    @Test
    void shouldWriteAConfigThatReadsBackAsItself() throws Exception {
        BenchShape shape = BenchShape.of("42m", 128);
        shape.write(folder);
        assertThat(LlamaConfig.read(folder)).isEqualTo(shape.config());
        String file = folder.resolve("config.json").toString();
        assertThat(BenchShape.of(file, 64)).isEqualTo(new BenchShape(file, shape.config()));
    }

    @Test
    void shouldRefuseWhatTheModelCannotHold() throws Exception {
        BenchShape.of("tiny", 128).write(folder);
        String file = folder.resolve("config.json").toString();
        assertThatThrownBy(() -> BenchShape.of(file, 129))
                .isInstanceOf(TuttiException.class)
                .hasMessage("--model_max_length=129: %s has max_position_embeddings=128", file);
        assertThatThrownBy(() -> BenchShape.of("1b", 128))
                .isInstanceOfSatisfying(
                        TuttiException.class, e -> assertThat(e.category()).isEqualTo(Category.USER))
                .hasMessageContaining("neither tiny, 15m, 42m, 110m nor a file");
    }
}
