package tutti.coordinator.plan;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import tutti.common.config.RunConfig;
import tutti.common.config.Settings;
import tutti.common.metrics.StepMetrics;
import tutti.common.protocol.StepShard;
import tutti.common.protocol.WorkerReport.StepDone;
import tutti.common.protocol.WorkerReport.StepTimes;
import tutti.common.protocol.WorkerReport.StepWire;

class RunPlanTest {

    @Test
    void shouldSaveEverySaveStepsAndNotOtherwise() {
        RunPlan plan = plan(Map.of("save_steps", "4", "max_steps", "10"), 100);
        assertThat(LongStream.range(0, 10).filter(plan::savesAfter)).containsExactly(3L, 7L);
    }

    @Test
    void shouldSaveAtTheEndOfEveryEpochAndOfTheRun() {
        RunPlan plan = plan(Map.of("save_strategy", "epoch", "num_train_epochs", "2.5"), 64);
        assertThat(plan.stepsPerEpoch()).isEqualTo(4);
        assertThat(LongStream.range(0, plan.totalSteps()).filter(plan::savesAfter))
                .containsExactly(3L, 7L, 9L);
    }

    @Test
    void shouldEvaluateAsToldAndBehindTheLastStep() {
        assertThat(evaluates(Map.of("eval_strategy", "steps", "eval_steps", "4")))
                .containsExactly(4L, 8L, 10L);
        assertThat(evaluates(Map.of("eval_on_start", "True", "eval_strategy", "no")))
                .containsExactly(0L);
        assertThat(evaluates(Map.of("eval_on_start", "True"))).containsExactly(0L, 7L, 10L);
        assertThat(evaluates(Map.of("eval_strategy", "no"))).isEmpty();
    }

    private static LongStream evaluates(Map<String, String> more) {
        Map<String, String> flags = new LinkedHashMap<>(Map.of("max_steps", "10", "eval_data_path", "e"));
        flags.putAll(more);
        RunPlan plan = plan(flags, 100);
        return LongStream.rangeClosed(0, 10).filter(plan::evaluatesBehind);
    }

    @Test
    void shouldLogTheLastStepWhateverLoggingStepsSays() {
        RunPlan plan = plan(Map.of("logging_steps", "4", "max_steps", "10"), 100);
        assertThat(LongStream.range(0, 10).filter(plan::logs)).containsExactly(3L, 7L, 9L);
    }

    @Test
    void shouldDealEveryRankItsShardsInOrderWithTheEpochTheyLeadTo() {
        RunPlan plan = plan(Map.of("shuffle", "False"), 64);
        List<List<StepShard>> ranks = plan.shards(3, 5);
        assertThat(ranks).hasSize(2);
        assertThat(ranks.get(0)).extracting(StepShard::step).containsExactly(3L, 4L);
        assertThat(ranks.get(1)).extracting(StepShard::epoch).containsExactly(1.0, 1.25);
        assertThat(ranks.get(0).get(0).samples()).isDeepEqualTo(new int[][] {{48, 49, 50, 51, 52, 53, 54, 55}});
        assertThat(ranks.get(1).get(1).samples()).isDeepEqualTo(new int[][] {{8, 9, 10, 11, 12, 13, 14, 15}});
    }

    @Test
    void shouldDealTheShardsOfVirtualRanksToWhoeverHoldsThem() {
        Map<String, String> four = Map.of("shuffle", "False", "virtual_ranks", "4");
        StepShard alone = plan(four, 33, 1).shards(1, 2).get(0).get(0);
        assertThat(alone.samples()).isDeepEqualTo(new int[][] {{}, {}, {}, {32}});
        List<List<StepShard>> ranks = plan(four, 96, 2).shards(0, 1);
        assertThat(ranks.get(0).get(0).samples())
                .isDeepEqualTo(new int[][] {{0, 1, 2, 3, 4, 5, 6, 7}, {8, 9, 10, 11, 12, 13, 14, 15}});
        assertThat(ranks.get(1).get(0).samples()[1]).containsExactly(24, 25, 26, 27, 28, 29, 30, 31);
    }

    @Test
    void shouldKeepShardsAheadOfNeedAndNeverBeyondTheEnd() {
        LeaseWindow window = new LeaseWindow(100);
        assertThat(window.next(0, 0, 1)).isEqualTo(new LeaseWindow.Range(0, 32));
        assertThat(window.next(5, 32, 1).isEmpty()).isTrue();
        assertThat(window.next(16, 32, 1)).isEqualTo(new LeaseWindow.Range(32, 48));
        assertThat(window.next(90, 95, 1)).isEqualTo(new LeaseWindow.Range(95, 100));
        assertThat(window.next(100, 100, 1).isEmpty()).isTrue();
    }

    @Test
    void shouldHandOutNoMoreThanSecondsOfWorkSoThatACheckpointIsNeverFar() {
        LeaseWindow window = new LeaseWindow(100);
        assertThat(window.next(0, 0, 0)).as("before any step was timed").isEqualTo(new LeaseWindow.Range(0, 2));
        assertThat(window.next(1, 2, 60_000).isEmpty()).isTrue();
        assertThat(window.next(2, 2, 60_000)).isEqualTo(new LeaseWindow.Range(2, 3));
        assertThat(window.next(2, 3, 1_000)).isEqualTo(new LeaseWindow.Range(3, 6));
    }

    @Test
    void shouldDivideTheLossOnceByTheLabelledTokensOfAllRanks() {
        StepGather gather = new StepGather(2, plan(Map.of(), 64));
        assertThat(gather.add(done(1, 40.0, 40, 400))).isEmpty();
        Optional<StepMetrics> step = gather.add(done(0, 40.0, 40, 200));
        assertThat(step).isPresent();
        assertThat(step.get().loss()).isEqualTo(1.0);
        assertThat(step.get().tokens()).isEqualTo(40);
        assertThat(step.get().stepMs()).as("of the slowest rank").isEqualTo(400);
        assertThat(step.get())
                .extracting(
                        StepMetrics::dataMs,
                        StepMetrics::forwardMs,
                        StepMetrics::recomputeMs,
                        StepMetrics::backwardMs,
                        StepMetrics::allreduceExposedMs,
                        StepMetrics::clipMs,
                        StepMetrics::optimizerMs,
                        StepMetrics::checkpointMs)
                .containsExactly(1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0);
        assertThat(step.get().allreduceMs()).as("of the slowest rank").isEqualTo(200);
        assertThat(step.get().allreduceBusbwGbps()).as("3 MB in 150 ms").isEqualTo(0.02);
        assertThat(step.get().tokensPerSecond()).isEqualTo(2 * 50 / 0.4);
    }

    private static StepDone done(int rank, double lossSum, long labelled, double ms) {
        return new StepDone(
                rank,
                1,
                0,
                lossSum,
                labelled,
                50,
                1.0,
                1e-3,
                new StepTimes(ms, 1, 2, 3, 4, 5, 6, 7, 8),
                new StepWire(ms / 2, 0, 1_000_000L * (rank + 1), ms / 4, 0, 0, Map.of(), List.of()),
                7,
                "");
    }

    private static RunPlan plan(Map<String, String> more, int samples) {
        return plan(more, samples, 2);
    }

    private static RunPlan plan(Map<String, String> more, int samples, int workers) {
        Map<String, String> flags = new LinkedHashMap<>(Map.of(
                "model_name_or_path", "m", "data_path", "d", "output_dir", "o", "per_device_train_batch_size", "8"));
        flags.put("nproc_per_node", Integer.toString(workers));
        flags.putAll(more);
        return new RunPlan(RunConfig.read(Settings.of(flags, null)), workers, samples);
    }
}
