package tutti.worker.tensor.nd4j;

import org.bytedeco.javacpp.Pointer;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.worker.tensor.Arena;

/**
 * Zeroed memory from ND4J's host allocator. On a GPU that is pinned memory which the device addresses too: host and device always see
 * the same values and nothing is copied in secret, at the price of the bus between them.
 */
final class Block implements AutoCloseable {
    private final Pointer memory;
    private final long address;
    private final long bytes;

    /** @param name for the message when there is no room */
    Block(String name, long bytes) {
        this.bytes = bytes;
        // One alignment unit to move the start, one so that an empty block has an address too.
        long raw = Math.addExact(bytes, 2L * Arena.ALIGNMENT);
        // Asked for more than there is, the allocator would end the process instead of saying so.
        if (raw > Pointer.totalPhysicalBytes()) {
            throw noRoom(name, "the machine has memory=" + Pointer.totalPhysicalBytes());
        }
        this.memory = Nd4jRuntime.nativeOps().mallocHost(raw, 0);
        if (memory == null || memory.isNull()) {
            throw noRoom(name, "ND4J gave none");
        }
        this.address = (memory.address() + Arena.ALIGNMENT - 1) / Arena.ALIGNMENT * Arena.ALIGNMENT;
        if (bytes > 0) {
            Pointer.memset(new At(address, bytes), 0, bytes);
        }
    }

    private TuttiException noRoom(String name, String why) {
        return new TuttiException(
                Category.ENVIRONMENT,
                "arena " + name + ": no room for bytes=" + bytes + ": " + why
                        + "; use a smaller batch, a shorter model_max_length or more gradient checkpointing");
    }

    long address() {
        return address;
    }

    long bytes() {
        return bytes;
    }

    @Override
    public void close() {
        Nd4jRuntime.nativeOps().freeHost(memory);
    }

    /** A pointer to raw memory that owns nothing; JavaCPP takes an address only through a subclass. */
    static final class At extends Pointer {
        At(long address, long count) {
            super((Pointer) null);
            this.address = address;
            this.limit = count;
            this.capacity = count;
        }
    }
}
