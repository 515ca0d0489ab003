package tutti.worker.allreduce;

import java.nio.ByteBuffer;
import org.agrona.BufferUtil;

/**
 * Where the owner of a part keeps contributions until all have come for the same stretch: a ring of bytes for every contributor,
 * outside of the heap, made when first needed and used by every sum after. Byte b of the part lies at b modulo the window; whoever calls
 * keeps what is staged and not yet added within the window. Touched by one thread at a time.
 */
final class Staging {
    private final ByteBuffer[] rings;
    private final int window;

    /** @param window bytes of a ring, a multiple of 8 so that no element lies across its end */
    Staging(int contributors, int window) {
        this.rings = new ByteBuffer[contributors];
        this.window = window;
    }

    /** Copies all of {@code payload}, which begins at byte {@code at} of the part. */
    void stage(int contributor, int at, ByteBuffer payload) {
        ByteBuffer ring = ring(contributor);
        int count = payload.remaining();
        int start = at % window;
        int head = Math.min(count, window - start);
        ring.put(start, payload, payload.position(), head);
        ring.put(0, payload, payload.position() + head, count - head);
    }

    /** Of byte {@code at} of the part. */
    long address(int contributor, int at) {
        return BufferUtil.address(ring(contributor)) + at % window;
    }

    /** Bytes from {@code at} on that lie behind each other. */
    int contiguous(int at) {
        return window - at % window;
    }

    private ByteBuffer ring(int contributor) {
        if (rings[contributor] == null) {
            rings[contributor] = ByteBuffer.allocateDirect(window);
        }
        return rings[contributor];
    }
}
