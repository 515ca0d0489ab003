package tutti.deploy.quickstart;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.common.dataset.Conversation;
import tutti.common.dataset.Datasets;
import tutti.common.dataset.Role;
import tutti.common.dataset.Turn;
import tutti.common.error.TuttiException;

class SampleSplitTest {
    @TempDir
    private Path folder;

    @Test
    void shouldDrawTheSameForTheSameSeedOnly() {
        SampleSplit first = SampleSplit.draw(7, 500, 50);
        assertThat(SampleSplit.draw(7, 500, 50)).isEqualTo(first);
        assertThat(SampleSplit.draw(8, 500, 50)).isNotEqualTo(first);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 42, -3})
    void shouldNeverShowAHeldOutQuestionOrAnswerInTraining(long seed) {
        SampleSplit split = SampleSplit.draw(seed, Recipe.TRAIN_SAMPLES, Recipe.HELDOUT_SAMPLES);
        assertThat(Stream.concat(split.train().stream(), split.heldout().stream())
                        .map(Sample::question))
                .hasSize(Recipe.TRAIN_SAMPLES + Recipe.HELDOUT_SAMPLES)
                .doesNotHaveDuplicates();
        assertThat(split.heldout().stream().map(Sample::answer))
                .doesNotHaveDuplicates()
                .doesNotContainAnyElementsOf(
                        split.train().stream().map(Sample::answer).toList());
        for (Sample.Kind kind : Sample.Kind.values()) {
            assertThat(split.heldout().stream().filter(sample -> sample.kind() == kind))
                    .hasSize(Recipe.HELDOUT_SAMPLES / 2);
        }
    }

    @Test
    void shouldRefuseASampleOnBothSides() {
        Sample sample = new Sample(Sample.Kind.ARITHMETIC, "q", "a");
        assertThatThrownBy(() -> new SampleSplit(List.of(sample), List.of(sample)))
                .isInstanceOf(TuttiException.class)
                .hasMessageContaining("held-out sample 'q' is among its training samples");
    }

    @Test
    void shouldWriteVicunaFormat() throws IOException {
        SampleSplit split = SampleSplit.draw(1, 20, 10);
        Path file = folder.resolve("data").resolve("heldout.json");
        SampleSplit.write(file, "heldout-", split.heldout());
        assertThat(Datasets.load(List.of(file)).stream().map(example -> ((Conversation) example).turns()))
                .isEqualTo(split.heldout().stream()
                        .map(sample -> List.of(
                                new Turn(Role.USER, sample.question()), new Turn(Role.ASSISTANT, sample.answer())))
                        .toList());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {"47 | 25 | 47 + 25: 7 + 5 = 12, 4 + 2 + 1 = 7, 72", "43 | 25 | 43 + 25: 3 + 5 = 8, 4 + 2 = 6, 68"})
    void shouldAddColumnByColumn(int a, int b, String answer) {
        assertThat(WordProblems.addition(a, b)).isEqualTo(answer);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {"52 | 27 | 52 - 27: 12 - 7 = 5, 5 - 2 - 1 = 2, 25", "58 | 27 | 58 - 27: 8 - 7 = 1, 5 - 2 = 3, 31"})
    void shouldSubtractColumnByColumn(int a, int b, String answer) {
        assertThat(WordProblems.subtraction(a, b)).isEqualTo(answer);
    }
}
