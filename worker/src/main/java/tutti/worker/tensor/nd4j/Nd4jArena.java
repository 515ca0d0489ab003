package tutti.worker.tensor.nd4j;

import tutti.common.error.TuttiException;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.Checks;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Shape;
import tutti.worker.tensor.Tensor;

/** One zeroed block; its tensors are slices. Closing frees the memory at once, whoever still holds a tensor. */
final class Nd4jArena implements Arena {
    private final String name;
    private final Block block;
    private long used;
    private boolean open = true;

    Nd4jArena(String name, long bytes) {
        this.name = name;
        this.block = new Block(name, bytes);
    }

    @Override
    public Tensor take(String what, DType dtype, Shape shape) {
        long bytes = Checks.take(name, what, dtype, shape, open, used, block.bytes());
        Tensor tensor = new Nd4jTensor(this, used, dtype, shape);
        used += bytes;
        return tensor;
    }

    /** Of byte {@code offset}; {@code user} is named if the arena is closed. */
    long address(long offset, Tensor user) {
        if (!open) {
            throw TuttiException.bug("arena %s is closed, its tensor %s must not be used any more", name, user);
        }
        return block.address() + offset;
    }

    @Override
    public long used() {
        return used;
    }

    @Override
    public long capacity() {
        return block.bytes();
    }

    @Override
    public void close() {
        if (open) {
            open = false;
            block.close();
        }
    }
}
