package tutti.worker.train;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.common.protocol.StepShard;
import tutti.common.token.TokenizedExample;
import tutti.worker.samples.Samples;

/**
 * Gives the samples of steps. Where they lie in a file those of the next step are read while this one is trained, by a thread of its own, if that
 * step is handed out by then: so it is where steps take less than a second, and longer ones read their own in a small part of their time. Used by
 * the training thread alone.
 */
final class ShardReader implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ShardReader.class);
    /** No disk takes so long for one step. */
    private static final Duration DEADLINE = Duration.ofMinutes(10);

    private final Samples samples;
    private final Numbering numbering;
    private final int batchSize;
    /** Absent where all samples lie in memory. */
    private final Optional<ExecutorService> thread;

    private Optional<Ahead> ahead = Optional.empty();

    private record Ahead(StepShard shard, Future<List<Shard>> read) {}

    /** @param batchSize samples of a micro-batch */
    ShardReader(Samples samples, Numbering numbering, int batchSize) {
        this.samples = samples;
        this.numbering = numbering;
        this.batchSize = batchSize;
        this.thread = samples.inMemory()
                ? Optional.empty()
                : Optional.of(Executors.newSingleThreadExecutor(work -> {
                    Thread reader = new Thread(work, "tutti-samples");
                    reader.setDaemon(true);
                    return reader;
                }));
    }

    /**
     * Of each virtual rank of this rank.
     *
     * @throws TuttiException (data, environment) if a sample cannot be read as it was written
     */
    List<Shard> take(StepShard shard) {
        // The same object: a later generation deals the same step anew.
        Optional<Ahead> known = ahead.filter(one -> one.shard() == shard);
        ahead = Optional.empty();
        return known.map(one -> await(one.read())).orElseGet(() -> read(shard));
    }

    /** Begins to read what will be taken next, if nothing else comes between. */
    void readAhead(StepShard next) {
        ahead = thread.map(reader -> new Ahead(next, reader.submit(() -> read(next))));
    }

    private List<Shard> read(StepShard shard) {
        return Arrays.stream(shard.samples())
                .map(numbers -> microBatches(shard.inEpoch(), numbers))
                .toList();
    }

    private Shard microBatches(long epoch, int[] numbers) {
        List<List<TokenizedExample>> microBatches = new ArrayList<>();
        for (int from = 0; from < numbers.length; from += batchSize) {
            int[] dealt = Arrays.copyOfRange(numbers, from, Math.min(numbers.length, from + batchSize));
            microBatches.add(Arrays.stream(numbering.samples(epoch, dealt))
                    .mapToObj(samples::get)
                    .toList());
        }
        return new Shard(microBatches);
    }

    private static List<Shard> await(Future<List<Shard>> read) {
        try {
            return read.get(DEADLINE.toSeconds(), TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof TuttiException expected) {
                throw expected;
            }
            throw new IllegalStateException("reading samples", e.getCause());
        } catch (TimeoutException e) {
            throw new TuttiException(
                    Category.ENVIRONMENT,
                    "the samples of a step were not read in %d s; is the disk of the token cache there?"
                            .formatted(DEADLINE.toSeconds()),
                    e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new TuttiException(Category.PEER, "interrupted while samples were read", e);
        }
    }

    /** Before the data are closed. What is being read is read to its end: an interrupt would close the file under it. */
    @Override
    public void close() {
        thread.ifPresent(reader -> {
            reader.shutdown();
            try {
                if (!reader.awaitTermination(DEADLINE.toSeconds(), TimeUnit.SECONDS)) {
                    LOG.warn("a sample is still being read: its file is closed under it");
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
    }
}
