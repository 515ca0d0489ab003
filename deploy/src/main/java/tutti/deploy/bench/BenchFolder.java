package tutti.deploy.bench;

import static tutti.common.error.TuttiException.environment;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tutti.common.metrics.StepMetrics;
import tutti.deploy.agent.Trees;

/**
 * Everything a benchmark's run reads and writes, in a temporary folder that is gone when the command ends, by a signal too. A
 * signal's deletion waits until the run in the folder has ended.
 */
final class BenchFolder implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(BenchFolder.class);
    private static final ObjectMapper JSON = new ObjectMapper();
    /** An agent that got the same signal stops its processes in less. */
    private static final long RUN_ENDS_SECONDS = 20;

    private final Path root;
    private final ReentrantLock inUse = new ReentrantLock();
    private final Thread hook = new Thread(this::delete, "tutti-bench-shutdown");
    private volatile boolean ending;

    BenchFolder() {
        try {
            root = Files.createTempDirectory("tutti-bench-");
            Runtime.getRuntime().addShutdownHook(hook);
            Files.createDirectory(model());
        } catch (IOException e) {
            throw environment(
                    "a folder for the benchmark cannot be made in %s: %s", System.getProperty("java.io.tmpdir"), e);
        }
    }

    Path model() {
        return root.resolve("model");
    }

    Path data() {
        return root.resolve("random.jsonl");
    }

    Path output() {
        return root.resolve("run");
    }

    /** The model's config.json and samples of {@code sequence} random tokens, each of them labelled. */
    void write(BenchShape shape, int samples, int sequence, long seed) {
        Random random = new Random(seed);
        try {
            shape.write(model());
            try (BufferedWriter lines = Files.newBufferedWriter(data())) {
                for (int sample = 0; sample < samples; sample++) {
                    int[] ids = random.ints(sequence, 0, shape.config().vocabulary())
                            .toArray();
                    lines.write(JSON.writeValueAsString(Map.of("input_ids", ids, "labels", ids)));
                    lines.write('\n');
                }
            }
        } catch (IOException e) {
            throw environment("%s: cannot be written: %s", root, e);
        }
    }

    /** Runs something that uses the folder. @return its exit code */
    int use(IntSupplier run) {
        inUse.lock();
        try {
            if (ending) {
                throw environment("%s: deleted by a signal", root);
            }
            return run.getAsInt();
        } finally {
            inUse.unlock();
        }
    }

    /** A signal is ending this process. */
    boolean ending() {
        return ending;
    }

    /** The run's steps, in order. */
    List<StepMetrics> steps() {
        Path file = output().resolve("metrics.jsonl");
        try {
            List<StepMetrics> steps = new ArrayList<>();
            for (String line : Files.readAllLines(file)) {
                steps.add(JSON.readValue(line, StepMetrics.class));
            }
            return steps;
        } catch (IOException e) {
            throw environment("%s: cannot be read: %s", file, e);
        }
    }

    /** Of the largest worker, as the run's last event tells. */
    StepResult.Peaks peaks() {
        Path file = output().resolve("events.jsonl");
        try {
            List<String> lines = Files.readAllLines(file);
            JsonNode finished = JSON.readTree(lines.get(lines.size() - 1));
            return new StepResult.Peaks(
                    largest(finished.path("planned_peak_bytes")), largest(finished.path("measured_peak_bytes")));
        } catch (IOException e) {
            throw environment("%s: cannot be read: %s", file, e);
        }
    }

    /** Null where no rank knew. */
    private static Long largest(JsonNode ranks) {
        long largest = 0;
        for (JsonNode bytes : ranks) {
            largest = Math.max(largest, bytes.asLong());
        }
        return largest == 0 ? null : largest;
    }

    @Override
    public void close() {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            LOG.debug("the hook is running: this end is a signal's", e);
        }
        delete();
    }

    private void delete() {
        ending = true;
        try {
            if (!inUse.tryLock(RUN_ENDS_SECONDS, TimeUnit.SECONDS)) {
                LOG.warn("{}: the run in it does not end; deleted all the same", root);
            }
            Trees.delete(root);
        } catch (IOException e) {
            LOG.warn("{}: cannot be deleted, please do: {}", root, e.toString());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            if (inUse.isHeldByCurrentThread()) {
                inUse.unlock();
            }
        }
    }
}
