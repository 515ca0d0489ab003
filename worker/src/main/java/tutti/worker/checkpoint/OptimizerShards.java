package tutti.worker.checkpoint;

import static tutti.common.error.TuttiException.data;
import static tutti.common.error.TuttiException.require;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import tutti.common.checkpoint.SafetensorsFile;
import tutti.common.checkpoint.SafetensorsWriter;
import tutti.common.checkpoint.StoredDType;
import tutti.common.checkpoint.TensorInfo;
import tutti.common.error.Category;
import tutti.worker.optim.AdamW;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Tensor;
import tutti.worker.tune.FlatLayout;

/**
 * AdamW's moments as {@code optimizer-00001-of-0000W.safetensors}, two tensors {@code exp_avg.NAME} and {@code exp_avg_sq.NAME} for
 * each weight. Whole weights are dealt to ranks so that each writes about the same number of bytes.
 */
public final class OptimizerShards {
    private static final int SLICE = 1 << 18;
    private static final String FIRST = "exp_avg.";
    private static final String SECOND = "exp_avg_sq.";

    private OptimizerShards() {}

    static String name(int rank, int worldSize) {
        return "optimizer-%05d-of-%05d.safetensors".formatted(rank + 1, worldSize);
    }

    /** The tensors that one rank writes; all ranks together write each exactly once. */
    static List<SafetensorsWriter.Entry> entries(FlatLayout layout, AdamW optimizer, int rank, int worldSize) {
        List<SafetensorsWriter.Entry> entries = new ArrayList<>();
        for (FlatLayout.Slot slot : layout.slots()) {
            // The rank in whose equal share of the flat buffer the weight's middle lies.
            long middle = slot.start() + slot.spec().shape().count() / 2;
            if (middle * worldSize / layout.size() == rank) {
                entries.add(FlatEntry.of(FIRST + slot.spec().name(), optimizer.firstMoment(), slot));
                entries.add(FlatEntry.of(SECOND + slot.spec().name(), optimizer.secondMoment(), slot));
            }
        }
        return entries;
    }

    /** Reads the shards of any number of ranks. */
    public static void read(Path checkpoint, FlatLayout layout, AdamW optimizer) {
        List<SafetensorsFile> files = new ArrayList<>();
        try (Stream<Path> list = Files.list(checkpoint)) {
            for (Path path : list.filter(
                            p -> p.getFileName().toString().matches("optimizer-\\d{5}-of-\\d{5}\\.safetensors"))
                    .sorted()
                    .toList()) {
                files.add(SafetensorsFile.open(path));
            }
            // One for all: direct memory goes back only when the garbage collector comes by.
            ByteBuffer host = ByteBuffer.allocateDirect(
                            SLICE * optimizer.firstMoment().dtype().bytes())
                    .order(ByteOrder.LITTLE_ENDIAN);
            for (FlatLayout.Slot slot : layout.slots()) {
                read(checkpoint, files, FIRST + slot.spec().name(), slot, optimizer.firstMoment(), host);
                read(checkpoint, files, SECOND + slot.spec().name(), slot, optimizer.secondMoment(), host);
            }
        } catch (IOException e) {
            throw data("%s: cannot be listed: %s", checkpoint, e.getMessage());
        } finally {
            files.forEach(SafetensorsFile::close);
        }
    }

    private static void read(
            Path checkpoint,
            List<SafetensorsFile> files,
            String name,
            FlatLayout.Slot slot,
            Tensor flat,
            ByteBuffer host) {
        SafetensorsFile file = files.stream()
                .filter(candidate -> candidate.tensors().containsKey(name))
                .findFirst()
                .orElseThrow(
                        () -> data("%s: no optimizer shard holds %s; the checkpoint is not whole", checkpoint, name));
        TensorInfo info = file.tensors().get(name);
        StoredDType needed = FlatEntry.stored(flat.dtype());
        long count = slot.spec().shape().count();
        require(
                info.dtype() == needed && info.elements() == count,
                Category.DATA,
                "%s: %s is %s%s, needed %s%s; resume with the model and backend that wrote it",
                file.path(),
                name,
                info.dtype(),
                info.shape(),
                needed,
                slot.spec().shape());
        int width = flat.dtype().bytes();
        for (long at = 0; at < count; at += SLICE) {
            int part = (int) Math.min(SLICE, count - at);
            file.read(name, at, host.clear().limit(part * width));
            flat.rows(slot.start() + at, part).write(host.flip());
        }
    }

    /** Streams a slot of a flat buffer into a safetensors file. */
    static final class FlatEntry {
        private FlatEntry() {}

        static SafetensorsWriter.Entry of(String name, Tensor flat, FlatLayout.Slot slot) {
            int width = flat.dtype().bytes();
            List<Long> shape = slot.spec().shape().toList();
            return new SafetensorsWriter.Entry(name, stored(flat.dtype()), shape, (byteOffset, into) -> {
                flat.rows(slot.start() + byteOffset / width, into.remaining() / width)
                        .read(into);
            });
        }

        static StoredDType stored(DType dtype) {
            return StoredDType.valueOf(dtype.name());
        }
    }
}
