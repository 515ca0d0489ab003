package tutti.worker.allreduce;

import static tutti.common.error.TuttiException.environment;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.agrona.BufferUtil;
import org.agrona.IoUtil;

/**
 * As much memory of every rank of a node, all of it mapped by all of them, as in PyTorch's symmetric memory: sums of what lies at the
 * same place in it on every rank are made where they lie, without a copy on the way ({@link SymmetricExchange}).
 *
 * <p>Made by {@link Collectives#symmetricMemory}, which all ranks call; owned by the caller, who closes it after the collectives. It has
 * no name in the file system any more once all ranks have mapped it, so nothing is left of it whatever ends the processes.
 */
public final class SymmetricMemory implements AutoCloseable {
    /** The part of shared memory that it may take: the rest is for logs and rings. */
    private static final int SHARE = 2;

    private final Path[] files;
    private final int rank;
    private final MappedByteBuffer[] mapped;

    private SymmetricMemory(Path[] files, int rank) {
        this.files = files;
        this.rank = rank;
        this.mapped = new MappedByteBuffer[files.length];
    }

    /**
     * Would so many bytes of each of so many ranks be shared? The same answer on all ranks of a node.
     *
     * @param sharedMemory bytes of the file system where it would lie
     */
    public static boolean fits(long bytes, int ranks, long sharedMemory) {
        // Of a mapped file Java addresses less than 2 GiB.
        return ranks > 1 && 0 < bytes && bytes <= Integer.MAX_VALUE && bytes <= sharedMemory / SHARE / ranks;
    }

    /** Makes what this rank shares, zeroed. Empty if there is no room. */
    static Optional<SymmetricMemory> make(Path[] files, int rank, long bytes) {
        SymmetricMemory memory = new SymmetricMemory(files, rank);
        try {
            memory.mapped[rank] = SharedFile.make(files[rank], bytes, fresh -> {});
            return Optional.of(memory);
        } catch (IOException e) {
            memory.close();
            return Optional.empty();
        }
    }

    /** Maps what the others share, which they have made. */
    void mapAll() {
        for (int peer = 0; peer < files.length; peer++) {
            try {
                mapped[peer] = peer == rank ? mapped[rank] : SharedFile.open(files[peer], mapped[rank].capacity());
            } catch (IOException e) {
                throw environment("%s: cannot be mapped: %s", files[peer], e);
            }
        }
    }

    /** All ranks have mapped it. */
    void unlink() {
        try {
            Files.deleteIfExists(files[rank]);
        } catch (IOException e) {
            throw environment("%s: cannot be deleted: %s", files[rank], e);
        }
    }

    /** This rank's, zeroed at first, aligned to a page. Not to be touched after {@link #close}: that would end the process. */
    public ByteBuffer buffer() {
        return mapped[rank];
    }

    /** Where {@code data} begins in the memory of this rank; -1 if it does not lie there. */
    long offset(ByteBuffer data) {
        long at = data.isDirect() ? BufferUtil.address(data) - BufferUtil.address(mapped[rank]) : -1;
        return at >= 0 && at + data.limit() <= mapped[rank].capacity() ? at : -1;
    }

    /** Of byte {@code offset} of the memory of {@code peer}, as this process has it. */
    long address(int peer, long offset) {
        return BufferUtil.address(mapped[peer]) + offset;
    }

    /** After the collectives are closed: only what is this rank's own stays, so that nobody keeps the memory of one that died. */
    public void forgetOthers() {
        for (int peer = 0; peer < mapped.length; peer++) {
            if (peer != rank) {
                forget(peer);
            }
        }
    }

    private void forget(int peer) {
        IoUtil.unmap(mapped[peer]);
        mapped[peer] = null;
    }

    @Override
    public void close() {
        try {
            unlink();
        } finally {
            forgetOthers();
            forget(rank);
        }
    }
}
