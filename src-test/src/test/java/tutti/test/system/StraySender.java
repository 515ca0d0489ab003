package tutti.test.system;

import io.aeron.Aeron;
import io.aeron.ExclusivePublication;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.zip.CRC32C;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * Somebody who has no business at the gradient endpoints of a run and sends there all the time: datagrams of noise, datagrams that
 * begin like Aeron's, and through a media driver of its own frames that are almost those of the run. It sends until it is closed.
 */
final class StraySender implements AutoCloseable {
    /** Short enough that the senders of the run have to share every socket, long enough to leave them a core. */
    private static final long PAUSE_NANOS = 1_000_000;

    private static final int GENERATION = 1;
    private static final int RANK_BITS = 12;
    private static final int MAGIC = 0x31545554;
    private static final int HEADER = 48;
    private static final int MAX_PAYLOAD = 1000;
    private static final int AERON_TYPES = 8;

    private final SplittableRandom random = new SplittableRandom(7);
    private final long run;
    private final List<Target> targets = new ArrayList<>();
    private final MediaDriver driver;
    private final Aeron aeron;
    private final DatagramSocket socket;
    private final AtomicLong sent = new AtomicLong();
    private final Thread thread;
    private volatile boolean closed;

    /** A UDP port of this machine, and how a frame for a rank gets there. */
    private record Target(int rank, int port, ExclusivePublication publication) {}

    /** What is wrong with a frame, by the word under which the run counts it. */
    private enum Fault {
        MALFORMED,
        BAD_CHECKSUM,
        WRONG_RUN,
        WRONG_GENERATION,
        PAST_COLLECTIVE
    }

    /**
     * Starts to send.
     *
     * @param ports UDP ports of each rank's node, by rank
     * @param run of the run that is disturbed
     * @param folder for the media driver
     */
    StraySender(Map<Integer, List<Integer>> ports, long run, Path folder) throws IOException {
        this.run = run;
        driver = MediaDriver.launch(new MediaDriver.Context()
                .aeronDirectoryName(folder.resolve("stray-aeron").toString())
                .threadingMode(ThreadingMode.SHARED)
                .dirDeleteOnShutdown(true)
                .termBufferSparseFile(true));
        aeron = Aeron.connect(new Aeron.Context().aeronDirectoryName(driver.aeronDirectoryName()));
        socket = new DatagramSocket();
        ports.forEach((rank, some) -> some.forEach(port -> targets.add(new Target(
                rank,
                port,
                aeron.addExclusivePublication(
                        "aeron:udp?endpoint=127.0.0.1:%d|term-length=64k".formatted(port),
                        GENERATION << RANK_BITS | rank)))));
        thread = new Thread(this::send, "test-stray-sender");
        thread.start();
    }

    private void send() {
        try {
            while (!closed) {
                for (Target target : targets) {
                    send(target.port, noise());
                    send(target.port, likeAeron(target.rank));
                    for (Fault fault : Fault.values()) {
                        // Whatever it answers: nobody may listen there any more.
                        target.publication.offer(new UnsafeBuffer(frame(target.rank, fault)));
                    }
                }
                LockSupport.parkNanos(PAUSE_NANOS);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void send(int port, byte[] datagram) throws IOException {
        socket.send(new DatagramPacket(datagram, datagram.length, InetAddress.getLoopbackAddress(), port));
        sent.incrementAndGet();
    }

    private byte[] noise() {
        byte[] bytes = new byte[random.nextInt(MAX_PAYLOAD)];
        random.nextBytes(bytes);
        return bytes;
    }

    /** Length, version 0, flags, a type of datagram, then noise but for the stream: such as data of a session nobody knows. */
    private byte[] likeAeron(int rank) {
        byte[] bytes = new byte[HEADER + random.nextInt(MAX_PAYLOAD)];
        random.nextBytes(bytes);
        ByteBuffer.wrap(bytes)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(0, bytes.length)
                .putShort(4, (short) (random.nextInt(256) << 8))
                .putShort(6, (short) random.nextInt(AERON_TYPES))
                .putInt(16, GENERATION << RANK_BITS | rank);
        return bytes;
    }

    /** As the run's frames are laid out: checksum, magic, run, generation, sequence, fingerprint, kind, source, length, offset. */
    private byte[] frame(int rank, Fault fault) {
        int payload = 8 * (1 + random.nextInt(MAX_PAYLOAD / 8));
        byte[] bytes = new byte[HEADER + payload];
        random.nextBytes(bytes);
        ByteBuffer frame = ByteBuffer.wrap(bytes)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(4, fault == Fault.MALFORMED ? ~MAGIC : MAGIC)
                .putLong(8, fault == Fault.WRONG_RUN ? ~run : run)
                .putInt(16, fault == Fault.WRONG_GENERATION ? GENERATION - 1 : GENERATION)
                .putInt(20, fault == Fault.PAST_COLLECTIVE ? 0 : Integer.MAX_VALUE)
                .putInt(28, 1)
                .putInt(32, rank == 0 ? 1 : 0)
                .putInt(36, payload)
                .putLong(40, 0);
        CRC32C crc = new CRC32C();
        crc.update(bytes, 4, bytes.length - 4);
        return frame.putInt(0, (int) crc.getValue() ^ (fault == Fault.BAD_CHECKSUM ? 1 : 0))
                .array();
    }

    /** Datagrams that went out as they are. */
    long sent() {
        return sent.get();
    }

    @Override
    public void close() {
        closed = true;
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        socket.close();
        aeron.close();
        driver.close();
    }
}
