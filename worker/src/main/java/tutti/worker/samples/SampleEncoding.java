package tutti.worker.samples;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import tutti.common.config.DataFormat;
import tutti.common.dataset.Datasets;
import tutti.common.dataset.Example;
import tutti.common.dataset.Tokens;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.common.token.EncodeTally;
import tutti.common.token.ExampleEncoder;
import tutti.common.token.ExampleEncoder.Sample;
import tutti.common.token.TokenizedExample;
import tutti.common.token.Tokenizer;

/**
 * Files to tokenised samples, as a stream: the calling thread reads, others tokenise so many samples ahead, and the calling thread hands
 * them on in the order of the files. So the result does not depend on the number of threads.
 */
final class SampleEncoding implements AutoCloseable {
    /** Samples for each thread to have in hand: enough that none waits for the reader, few enough that all fit into memory. */
    private static final int AHEAD = 32;

    /** Longer than any one sample takes. */
    private static final long MINUTES = 10;

    private final SampleSource source;
    private final Consumer<TokenizedExample> into;
    private final Consumer<String> progress;
    private final ExecutorService threads;
    private final Deque<Ahead> ahead = new ArrayDeque<>();
    private final EncodeTally tally = new EncodeTally();
    private final Fingerprint fingerprint = new Fingerprint();
    private final int[] kept;
    private final Optional<Tokenizer> tokenizer;
    private final ExampleEncoder encoder;
    /** Has any sample been text? */
    private boolean text;

    private long taken;

    private record Ahead(int file, String source, Future<Sample> sample) {}

    private SampleEncoding(SampleSource source, Consumer<TokenizedExample> into, Consumer<String> progress) {
        this.source = source;
        this.into = into;
        this.progress = progress;
        this.kept = new int[source.paths().files().size()];
        // Samples that are tokens already need none; where there is one, what it knows of them is looked at, too.
        this.tokenizer =
                Tokenizer.isIn(source.folder()) ? Optional.of(Tokenizer.open(source.folder())) : Optional.empty();
        this.encoder = new ExampleEncoder(tokenizer, source.encoding(), source.maxLength(), source.vocabulary());
        AtomicInteger number = new AtomicInteger();
        this.threads = Executors.newFixedThreadPool(source.threads(), task -> {
            Thread thread = new Thread(task, "tutti-tokenise-" + number.getAndIncrement());
            thread.setDaemon(true);
            return thread;
        });
    }

    /**
     * @param into gets those with something to learn; called on this thread
     * @param progress what is done now, for a person
     * @throws TuttiException (data) naming file and line of what cannot be trained on
     */
    static Summary run(SampleSource source, Consumer<TokenizedExample> into, Consumer<String> progress) {
        try (SampleEncoding encoding = new SampleEncoding(source, into, progress)) {
            List<String> held = Datasets.read(source.paths().files(), source.data(), encoding::take);
            while (!encoding.ahead.isEmpty()) {
                encoding.handOn();
            }
            return new Summary(
                    encoding.tally.report(source.maxLength()),
                    held,
                    IntStream.of(encoding.kept).boxed().toList(),
                    encoding.text,
                    encoding.fingerprint.hex());
        }
    }

    private void take(int file, DataFormat format, Example example) {
        if (!text && !(example instanceof Tokens)) {
            text = true;
            if (tokenizer.isEmpty()) {
                // Says which file is missing.
                Tokenizer.open(source.folder()).close();
            }
        }
        ahead.add(new Ahead(file, example.source(), threads.submit(() -> encoder.describe(example))));
        if (ahead.size() > AHEAD * source.threads()) {
            handOn();
        }
    }

    private void handOn() {
        Ahead next = ahead.remove();
        Sample sample = await(next);
        progress.accept("tokenising sample " + ++taken + ", " + next.source());
        if (tally.add(next.source(), sample)) {
            kept[next.file()]++;
            fingerprint.add(sample.example());
            into.accept(sample.example());
        }
    }

    private static Sample await(Ahead one) {
        try {
            return one.sample().get(MINUTES, TimeUnit.MINUTES);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw new IllegalStateException(one.source() + " cannot be tokenised", e.getCause());
        } catch (TimeoutException e) {
            throw new TuttiException(
                    Category.DATA,
                    "%s: not tokenised in %d minutes; is it text, and one sample?".formatted(one.source(), MINUTES),
                    e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new TuttiException(Category.PEER, one.source() + ": interrupted while it was tokenised", e);
        }
    }

    /** The tokenizer's native memory goes only when nobody uses it any more. */
    @Override
    public void close() {
        threads.shutdownNow();
        try {
            if (threads.awaitTermination(MINUTES, TimeUnit.MINUTES)) {
                tokenizer.ifPresent(Tokenizer::close);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
