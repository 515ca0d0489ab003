package tutti.coordinator.run;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.common.metrics.StepMetrics;

class StatusBoardTest {
    private final StatusBoard board = new StatusBoard(Sample.forming());

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3_999, 4_000, 4_001, 8_000, 8_001, 50_000})
    void shouldKeepEvenlySpacedStepsAndAlwaysTheNewest(int count) {
        publish(1, count);

        List<Long> steps = stepNumbers();

        assertThat(steps).hasSizeLessThanOrEqualTo(StatusBoard.MAX_STEPS);
        assertThat(steps).hasSizeGreaterThanOrEqualTo(Math.min(count, StatusBoard.MAX_STEPS / 2 - 1));
        assertThat(steps.get(0)).isEqualTo(1);
        assertThat(steps.get(steps.size() - 1)).isEqualTo(count);
        assertThat(steps).isSorted().doesNotHaveDuplicates();
        List<Long> gaps = new ArrayList<>();
        for (int i = 1; i < steps.size() - 1; i++) {
            gaps.add(steps.get(i) - steps.get(i - 1));
        }
        assertThat(gaps.stream().distinct()).hasSizeLessThanOrEqualTo(1);
    }

    @Test
    void shouldReplaceStepsThatAreTakenAgainAfterARollback() {
        publish(1, 150);
        publish(101, 120);

        assertThat(stepNumbers())
                .isEqualTo(LongStream.rangeClosed(1, 120).boxed().toList());
    }

    @Test
    void shouldTellListenersEverythingInOrderUntilTheyLeave() {
        List<Object> heard = new ArrayList<>();
        RunStatus training = Sample.training(1);
        StepMetrics step = Sample.step(1);
        try (StatusBoard.Subscription subscription = board.subscribe(recorder(heard))) {
            assertThat(subscription).isNotNull();
            board.publish(training);
            board.publish(step);
        }
        board.publish(Sample.step(2));

        assertThat(heard).containsExactly(training, step);
        assertThat(board.status()).isSameAs(training);
    }

    @Test
    void shouldTellAFollowerTheStatusOfNowFirst() {
        List<Object> heard = new ArrayList<>();
        RunStatus first = board.status();
        RunStatus training = Sample.training(1);
        try (StatusBoard.Subscription subscription = board.follow(recorder(heard))) {
            assertThat(subscription).isNotNull();
            board.publish(training);
        }
        board.publish(Sample.training(2));

        assertThat(heard).containsExactly(first, training);
    }

    @Test
    void shouldWriteStatusInSnakeCaseWithLowerCaseState() throws Exception {
        ObjectMapper json = new ObjectMapper();
        String text = json.writeValueAsString(Sample.training(200));
        JsonNode tree = json.readTree(text);

        assertThat(tree.get("state").asText()).isEqualTo("training");
        assertThat(tree.get("total_steps").asLong()).isEqualTo(Sample.TOTAL_STEPS);
        assertThat(tree.get("last_checkpoint").asText()).isEqualTo("checkpoint-200");
        assertThat(tree.at("/workers/2/compute_ms").asDouble()).isEqualTo(388.2);
        assertThat(json.readValue(text, RunStatus.class).workers()).hasSize(4);
    }

    private void publish(long from, long to) {
        LongStream.rangeClosed(from, to).forEach(step -> board.publish(Sample.step(step)));
    }

    private List<Long> stepNumbers() {
        return board.steps().stream().map(StepMetrics::step).toList();
    }

    private static StatusBoard.Listener recorder(List<Object> heard) {
        return new StatusBoard.Listener() {
            @Override
            public void onStatus(RunStatus status) {
                heard.add(status);
            }

            @Override
            public void onStep(StepMetrics step) {
                heard.add(step);
            }
        };
    }
}
