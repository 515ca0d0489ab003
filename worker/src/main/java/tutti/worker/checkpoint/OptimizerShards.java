package tutti.worker.checkpoint;

import static tutti.common.error.TuttiException.require;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import tutti.common.checkpoint.Listing;
import tutti.common.checkpoint.SafetensorsFile;
import tutti.common.checkpoint.SafetensorsWriter;
import tutti.common.checkpoint.StoredDType;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.worker.optim.AdamW;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Tensor;
import tutti.worker.tune.FlatLayout;
import tutti.worker.tune.Replica;
import tutti.worker.tune.ShardLayout;

/**
 * AdamW's moments as {@code optimizer-00001-of-0000W.safetensors}, two tensors {@code exp_avg.NAME} and {@code exp_avg_sq.NAME} for
 * each weight. Where every rank has all of them, whole weights are dealt to ranks so that each writes about the same number of bytes;
 * where ranks have shards, each writes its own, and a piece of a weight that begins at element FROM is called {@code NAME@FROM}. Either
 * is read by any number of ranks, sharded or not.
 */
public final class OptimizerShards {
    private static final int SLICE = 1 << 18;
    private static final String FIRST = "exp_avg.";
    private static final String SECOND = "exp_avg_sq.";
    private static final char FROM = '@';

    /** Elements {@code from .. from+count-1} of a weight, in a file. */
    private record Piece(SafetensorsFile file, String name, long from, long count) {}

    private OptimizerShards() {}

    static String name(int rank, int worldSize) {
        return "optimizer-%05d-of-%05d.safetensors".formatted(rank + 1, worldSize);
    }

    /** The tensors that one rank writes; all ranks together write each element exactly once. */
    static List<SafetensorsWriter.Entry> entries(Replica replica, AdamW optimizer, int rank, int worldSize) {
        FlatLayout layout = replica.layout();
        List<SafetensorsWriter.Entry> entries = new ArrayList<>();
        for (FlatLayout.Slot slot : layout.slots()) {
            long count = slot.spec().shape().count();
            // The rank in whose equal share of the flat buffer the weight's middle lies.
            boolean dealt = (slot.start() + count / 2) * worldSize / layout.size() == rank;
            boolean everybodys = replica.shard().whole() || slot.start() < layout.replicated();
            if (dealt || !everybodys) {
                for (ShardLayout.Segment segment : replica.shard().within(slot.start(), count)) {
                    entries.add(entry(FIRST, slot, segment, optimizer.firstMoment(segment)));
                    entries.add(entry(SECOND, slot, segment, optimizer.secondMoment(segment)));
                }
            }
        }
        return entries;
    }

    private static SafetensorsWriter.Entry entry(
            String moment, FlatLayout.Slot slot, ShardLayout.Segment segment, Tensor values) {
        String name = moment + slot.spec().name();
        int width = values.dtype().bytes();
        boolean whole = segment.count() == slot.spec().shape().count();
        return new SafetensorsWriter.Entry(
                whole ? name : name + FROM + (segment.start() - slot.start()),
                stored(values.dtype()),
                whole ? slot.spec().shape().toList() : List.of(segment.count()),
                (byteOffset, into) -> values.rows(byteOffset / width, into.remaining() / width)
                        .read(into));
    }

    static StoredDType stored(DType dtype) {
        return StoredDType.valueOf(dtype.name());
    }

    /** Reads what the replica's shard needs from the files of any number of ranks. */
    public static void read(Path checkpoint, Replica replica, AdamW optimizer) {
        List<SafetensorsFile> files = new ArrayList<>();
        try {
            for (Path path : Listing.children(checkpoint)) {
                if (path.getFileName().toString().matches("optimizer-\\d{5}-of-\\d{5}\\.safetensors")) {
                    files.add(SafetensorsFile.open(path));
                }
            }
            Map<String, List<Piece>> pieces = pieces(files);
            // One for all: direct memory goes back only when the garbage collector comes by.
            ByteBuffer host = ByteBuffer.allocateDirect(
                            SLICE * replica.masterDType().bytes())
                    .order(ByteOrder.LITTLE_ENDIAN);
            for (FlatLayout.Slot slot : replica.layout().slots()) {
                for (ShardLayout.Segment segment :
                        replica.shard().within(slot.start(), slot.spec().shape().count())) {
                    read(checkpoint, pieces, FIRST, slot, segment, optimizer.firstMoment(segment), host);
                    read(checkpoint, pieces, SECOND, slot, segment, optimizer.secondMoment(segment), host);
                }
            }
        } catch (IOException e) {
            throw new TuttiException(Category.ENVIRONMENT, checkpoint + ": cannot be listed: " + e, e);
        } finally {
            files.forEach(SafetensorsFile::close);
        }
    }

    /** By name of the weight and its moment, in the order of the elements. */
    private static Map<String, List<Piece>> pieces(List<SafetensorsFile> files) {
        Map<String, List<Piece>> pieces = new HashMap<>();
        for (SafetensorsFile file : files) {
            file.tensors().forEach((name, info) -> {
                int at = name.lastIndexOf(FROM);
                boolean cut = at >= 0 && name.substring(at + 1).matches("\\d{1,18}");
                String weight = cut ? name.substring(0, at) : name;
                long from = cut ? Long.parseLong(name.substring(at + 1)) : 0;
                pieces.computeIfAbsent(weight, any -> new ArrayList<>())
                        .add(new Piece(file, name, from, info.elements()));
            });
        }
        pieces.values().forEach(some -> some.sort(Comparator.comparingLong(Piece::from)));
        return pieces;
    }

    private static void read(
            Path checkpoint,
            Map<String, List<Piece>> pieces,
            String moment,
            FlatLayout.Slot slot,
            ShardLayout.Segment segment,
            Tensor values,
            ByteBuffer host) {
        String name = moment + slot.spec().name();
        List<Piece> some = pieces.getOrDefault(name, List.of());
        StoredDType needed = stored(values.dtype());
        long stored = 0;
        for (Piece piece : some) {
            StoredDType found = piece.file().tensors().get(piece.name()).dtype();
            require(
                    found == needed && piece.from() == stored,
                    Category.DATA,
                    "%s: %s is %s from element %d on, needed %s from %d on; resume with the model and backend that wrote it",
                    piece.file().path(),
                    piece.name(),
                    found,
                    piece.from(),
                    needed,
                    stored);
            stored += piece.count();
        }
        require(
                stored == slot.spec().shape().count(),
                Category.DATA,
                "%s: optimizer shards hold %d elements of %s, needed %s; the checkpoint is not whole, or of another model",
                checkpoint,
                stored,
                name,
                slot.spec().shape());
        long first = segment.start() - slot.start();
        for (Piece piece : some) {
            long from = Math.max(first, piece.from());
            long to = Math.min(first + segment.count(), piece.from() + piece.count());
            for (long at = from; at < to; at += SLICE) {
                int part = (int) Math.min(SLICE, to - at);
                piece.file()
                        .read(
                                piece.name(),
                                at - piece.from(),
                                host.clear().limit(part * values.dtype().bytes()));
                values.rows(at - first, part).write(host.flip());
            }
        }
    }
}
