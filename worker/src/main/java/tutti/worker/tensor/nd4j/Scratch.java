package tutti.worker.tensor.nd4j;

import java.util.ArrayList;
import java.util.List;
import tutti.worker.tensor.Arena;

/**
 * Memory for temporaries, taken like a stack. When it is too small another block is added for the rest of the kernel call, and the next
 * call finds one block that holds as much: it grows until the largest operation fits, then never again.
 */
final class Scratch implements AutoCloseable {
    private final List<Block> blocks = new ArrayList<>();
    /** Bytes in use of the last block. */
    private long top;

    /** Bytes in use of all blocks. */
    private long used;

    private long peak;
    private int depth;

    /** A place to return to. */
    record Mark(int blocks, long top, long used) {}

    /** Makes room for {@code bytes}; only between kernel calls. */
    void reserve(long bytes) {
        if (blocks.isEmpty() || blocks.get(0).bytes() < bytes) {
            close();
            blocks.add(new Block("workspace", bytes));
        }
    }

    Mark enter() {
        depth++;
        return new Mark(blocks.size(), top, used);
    }

    /** Gives back everything that was taken since {@code mark}. */
    void leave(Mark mark) {
        depth--;
        // What was taken since lies in blocks added since: the newest of them is all free.
        top = mark.blocks() == blocks.size() ? mark.top() : 0;
        used = mark.used();
        if (depth == 0 && blocks.size() > 1) {
            close();
            reserve(peak);
        }
    }

    /** The address of {@code bytes} bytes with any contents, aligned. */
    long take(long bytes) {
        long size = (bytes + Arena.ALIGNMENT - 1) / Arena.ALIGNMENT * Arena.ALIGNMENT;
        if (blocks.isEmpty() || top + size > blocks.get(blocks.size() - 1).bytes()) {
            blocks.add(new Block("workspace", size));
            top = 0;
        }
        long address = blocks.get(blocks.size() - 1).address() + top;
        top += size;
        used += size;
        peak = Math.max(peak, used);
        return address;
    }

    /** Most bytes ever in use at once. */
    long peak() {
        return peak;
    }

    @Override
    public void close() {
        blocks.forEach(Block::close);
        blocks.clear();
        top = 0;
    }
}
