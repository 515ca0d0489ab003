package tutti.worker.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import tutti.common.config.BatchConfig;
import tutti.common.config.DataConfig;
import tutti.common.error.TuttiException;
import tutti.common.protocol.StepShard;
import tutti.common.token.TokenizedExample;
import tutti.worker.samples.Samples;

class ShardReaderTest {
    private static final String READER = "tutti-samples";
    private static final int COUNT = 8;
    private static final int DAMAGED = 7;

    /** Names of the threads that have read, in order. */
    private final BlockingQueue<String> readers = new LinkedBlockingQueue<>();

    @Test
    void shouldReadTheNextStepMeanwhile() throws Exception {
        try (ShardReader reader = reader(false)) {
            StepShard first = shard(0, 5, 1, 2);
            StepShard second = shard(1, 0, 3);
            assertThat(ids(reader.take(first))).isEqualTo("[[[5, 1], [2]]]");
            readers.clear();
            reader.readAhead(second);
            assertThat(readers.poll(20, TimeUnit.SECONDS)).isEqualTo(READER);
            assertThat(ids(reader.take(second))).isEqualTo("[[[0, 3]]]");
            // One of them was taken above.
            assertThat(readers).containsExactly(READER);
        }
    }

    @Test
    void shouldReadAnewWhatALaterGenerationDeals() throws Exception {
        try (ShardReader reader = reader(false)) {
            reader.readAhead(shard(1, 0, 3));
            assertThat(ids(reader.take(shard(1, 4)))).isEqualTo("[[[4]]]");
            assertThat(ids(reader.take(shard(2, 6)))).isEqualTo("[[[6]]]");
        }
    }

    @Test
    void shouldFailInTheStepWhoseSamplesCannotBeRead() {
        try (ShardReader reader = reader(false)) {
            StepShard bad = shard(1, DAMAGED);
            reader.readAhead(bad);
            assertThat(ids(reader.take(shard(0, 1)))).isEqualTo("[[[1]]]");
            reader.readAhead(bad);
            assertThatThrownBy(() -> reader.take(bad))
                    .isInstanceOf(TuttiException.class)
                    .hasMessage("sample 7 is damaged");
        }
    }

    @Test
    void shouldHaveNoThreadForWhatLiesInMemory() {
        try (ShardReader reader = reader(true)) {
            StepShard next = shard(1, 2);
            reader.readAhead(next);
            assertThat(ids(reader.take(next))).isEqualTo("[[[2]]]");
            assertThat(readers).containsExactly(Thread.currentThread().getName());
        }
    }

    private ShardReader reader(boolean inMemory) {
        int[] lengths = new int[COUNT];
        Numbering numbering = new Numbering(
                new BatchConfig(false, false, List.of()),
                new DataConfig(List.of(Path.of("data"))),
                42,
                lengths,
                new int[] {COUNT},
                "data",
                4);
        return new ShardReader(new Numbers(inMemory), numbering, 2);
    }

    private static StepShard shard(long step, int... samples) {
        return new StepShard(step, new int[][] {samples}, 0.5);
    }

    private static String ids(List<Shard> shards) {
        return shards.stream()
                .map(shard -> shard.microBatches().stream()
                        .map(batch -> batch.stream()
                                .map(sample -> sample.inputIds()[0])
                                .toList())
                        .toList())
                .toList()
                .toString();
    }

    /** Each holds its number. */
    private final class Numbers implements Samples {
        private final boolean inMemory;

        Numbers(boolean inMemory) {
            this.inMemory = inMemory;
        }

        @Override
        public int count() {
            return COUNT;
        }

        @Override
        public boolean inMemory() {
            return inMemory;
        }

        @Override
        public int length(int number) {
            return 1;
        }

        @Override
        public TokenizedExample get(int number) {
            readers.add(Thread.currentThread().getName());
            if (number == DAMAGED) {
                throw TuttiException.data("sample %d is damaged", number);
            }
            return new TokenizedExample(new int[] {number}, new int[] {number});
        }

        @Override
        public void close() {}
    }
}
