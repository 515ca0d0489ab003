package tutti.worker.checkpoint;

import static tutti.common.error.TuttiException.require;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import tutti.common.checkpoint.ModelFolder;
import tutti.common.checkpoint.StoredDType;
import tutti.common.checkpoint.TensorInfo;
import tutti.common.error.Category;
import tutti.worker.model.LlamaConfig;
import tutti.worker.model.ParameterSpec;
import tutti.worker.tensor.DType;
import tutti.worker.tune.FlatLayout;
import tutti.worker.tune.Replica;

/** Fills the master weights of a replica. */
public final class WeightLoader {
    /** Elements moved at once. */
    private static final int SLICE = Replica.MOST;

    private WeightLoader() {}

    /**
     * Checks that a folder holds every weight of the model in its right shape, without reading them.
     *
     * @throws tutti.common.error.TuttiException (data) naming file, tensor, shape found and shape needed
     */
    public static void check(ModelFolder folder, LlamaConfig config) {
        for (ParameterSpec spec : ParameterSpec.of(config)) {
            TensorInfo info = folder.info(spec.name());
            List<Long> needed = spec.shape().toList();
            require(
                    info.shape().equals(needed),
                    Category.DATA,
                    "%s: tensor %s has shape %s, but config.json asks for %s",
                    folder.path(),
                    spec.name(),
                    info.shape(),
                    needed);
        }
    }

    /** Loads every weight, converted to the master dtype, and refreshes the compute copy. */
    public static void load(Path path, LlamaConfig config, Replica replica) {
        try (ModelFolder folder = ModelFolder.open(path);
                Replica.Filling filling = replica.fill()) {
            check(folder, config);
            ByteBuffer floats = buffer(Float.BYTES);
            ByteBuffer doubles = buffer(Double.BYTES);
            for (FlatLayout.Slot slot : replica.layout().slots()) {
                String name = slot.spec().name();
                boolean exact = folder.info(name).dtype() == StoredDType.F64 && replica.masterDType() == DType.F64;
                long count = slot.spec().shape().count();
                for (long at = 0; at < count; at += SLICE) {
                    int part = (int) Math.min(SLICE, count - at);
                    if (exact) {
                        folder.read(name, at, doubles.clear().limit(part * Double.BYTES));
                        filling.put(slot.start() + at, doubles.flip());
                    } else {
                        folder.readAsF32(name, at, floats.clear().limit(part * Float.BYTES));
                        filling.put(slot.start() + at, inMaster(replica, floats.flip(), doubles));
                    }
                }
            }
        }
    }

    /**
     * Draws matrices from a normal distribution with standard deviation {@code initializer_range} and sets norms to one, as
     * transformers does. Each weight has a stream of its own from (seed, name), so every rank draws the same.
     */
    public static void random(LlamaConfig config, Replica replica, long seed) {
        ByteBuffer floats = buffer(Float.BYTES);
        ByteBuffer doubles = buffer(Double.BYTES);
        try (Replica.Filling filling = replica.fill()) {
            draw(config, replica, seed, floats, doubles, filling);
        }
    }

    private static void draw(
            LlamaConfig config,
            Replica replica,
            long seed,
            ByteBuffer floats,
            ByteBuffer doubles,
            Replica.Filling filling) {
        for (FlatLayout.Slot slot : replica.layout().slots()) {
            Random random = new Random(seed * 31 + slot.spec().name().hashCode());
            long count = slot.spec().shape().count();
            for (long at = 0; at < count; at += SLICE) {
                int part = (int) Math.min(SLICE, count - at);
                floats.clear();
                for (int i = 0; i < part; i++) {
                    floats.putFloat(
                            slot.spec().decays() ? (float) (random.nextGaussian() * config.initializerRange()) : 1f);
                }
                filling.put(slot.start() + at, inMaster(replica, floats.flip(), doubles));
            }
        }
    }

    private static ByteBuffer buffer(int elementBytes) {
        return ByteBuffer.allocateDirect(SLICE * elementBytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static ByteBuffer inMaster(Replica replica, ByteBuffer floats, ByteBuffer doubles) {
        if (replica.masterDType() == DType.F32) {
            return floats;
        }
        doubles.clear();
        while (floats.hasRemaining()) {
            doubles.putDouble(floats.getFloat());
        }
        return doubles.flip();
    }
}
