package tutti.common.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.common.Shared;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

class SafetensorsWriterTest {
    @TempDir
    Path folder;

    @Test
    void shouldWriteTheBytesOfTheReferenceWriter() throws IOException {
        Path reference = Shared.file("fixtures/safetensors/ok_attn0.safetensors");
        ByteBuffer data = ByteBuffer.wrap(Files.readAllBytes(reference));
        Path file = folder.resolve("a.safetensors");
        var entry =
                entry("attn.0", StoredDType.F32, List.of(1L, 2L, 3L), data.slice((int) Files.size(reference) - 24, 24));
        FileDigest digest = SafetensorsWriter.write(file, List.of(entry), Map.of(), true);
        assertThat(Files.readAllBytes(file)).isEqualTo(Files.readAllBytes(reference));
        assertThat(digest).isEqualTo(FileDigest.of(file));
    }

    @Test
    void shouldReadBackWhatWasWrittenForEveryTypeAndAwkwardShape() {
        Random random = new Random(7);
        List<SafetensorsWriter.Entry> entries = new ArrayList<>();
        Map<String, byte[]> bytes = new HashMap<>();
        List<List<Long>> shapes = List.of(List.of(), List.of(0L, 3L), List.of(7L), List.of(3L, 1L, 5L));
        for (StoredDType dtype : StoredDType.values()) {
            for (List<Long> shape : shapes) {
                String name = dtype + "/" + shape + " \"é\uD83D\uDE00\n";
                byte[] content = new byte[(int) TensorInfo.bytesOf(dtype, shape)];
                random.nextBytes(content);
                bytes.put(name, content);
                entries.add(entry(name, dtype, shape, ByteBuffer.wrap(content)));
            }
        }
        Path path = folder.resolve("all.safetensors");
        SafetensorsWriter.write(path, entries, false);
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            assertThat(file.metadata()).isEqualTo(Map.of("format", "pt"));
            assertThat(file.tensors().keySet()).isEqualTo(bytes.keySet());
            for (TensorInfo info : file.tensors().values()) {
                ByteBuffer read = ByteBuffer.allocate((int) info.bytes());
                file.read(info.name(), 0, read);
                assertThat(read.array()).isEqualTo(bytes.get(info.name()));
                assertThat(info.begin() % info.dtype().bytes())
                        .as("alignment of %s", info)
                        .isZero();
            }
        }
    }

    @Test
    void shouldStreamATensorOfSeveralSlices() throws IOException {
        long elements = (5L << 20) / 2 + 3;
        var entry = new SafetensorsWriter.Entry("big", StoredDType.BF16, List.of(elements), (offset, into) -> {
            into.order(ByteOrder.LITTLE_ENDIAN);
            for (long at = offset; into.hasRemaining(); at += 2) {
                into.putShort((short) (at / 2));
            }
        });
        Path path = folder.resolve("big.safetensors");
        FileDigest digest = SafetensorsWriter.write(path, List.of(entry), false);
        assertThat(digest).isEqualTo(FileDigest.of(path));
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            for (long at : new long[] {0, 1 << 19, (1 << 20) + 1, elements - 1}) {
                ByteBuffer one = ByteBuffer.allocate(2).order(ByteOrder.LITTLE_ENDIAN);
                file.read("big", at, one);
                assertThat(one.getShort(0)).isEqualTo((short) at);
            }
        }
    }

    @Test
    void shouldSealWhatWasWrittenAndRefuseWhatHasChangedSince() throws IOException {
        var entry = entry("a", StoredDType.U8, List.of(3L), ByteBuffer.wrap(new byte[] {1, 2, 3}));
        Path path = folder.resolve("a.safetensors");
        SafetensorsWriter.Unsealed written = SafetensorsWriter.writeUnsealed(path, List.of(entry));
        assertThat(written.seal()).isEqualTo(FileDigest.of(path));
        byte[] flipped = Files.readAllBytes(path);
        flipped[flipped.length - 1] ^= 4;
        Files.write(path, flipped);
        assertThatThrownBy(written::seal)
                .hasMessageContaining("a.safetensors: written were")
                .hasMessageContaining("read back");
    }

    /** The kernel's own answer of a full disk, without one. */
    @Test
    void shouldSayThatTheDiskIsFull() throws IOException {
        Path full = Files.createSymbolicLink(folder.resolve("model.safetensors"), Path.of("/dev/full"));
        var entry = entry("a", StoredDType.U8, List.of(3L), ByteBuffer.allocate(3));
        assertThatThrownBy(() -> SafetensorsWriter.writeUnsealed(full, List.of(entry)))
                .isInstanceOfSatisfying(
                        TuttiException.class, e -> assertThat(e.category()).isEqualTo(Category.ENVIRONMENT))
                .hasMessageContaining("model.safetensors: cannot be written")
                .hasMessageContaining("No space left");
    }

    @Test
    void shouldReachTensorsBeyondTwoGigabytes() throws IOException {
        // Sparse: takes no disk. The first tensor is 2^32 + 8 bytes.
        String header = "{\"far\":{\"dtype\":\"U8\",\"shape\":[4294967304],\"data_offsets\":[0,4294967304]},"
                + "\"last\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[4294967304,4294967305]}}";
        Path path = folder.resolve("sparse.safetensors");
        try (var raw = new RandomAccessFile(path.toFile(), "rw")) {
            raw.writeLong(Long.reverseBytes(header.length()));
            raw.writeBytes(header);
            raw.seek(8 + header.length() + 4294967303L);
            raw.write(new byte[] {41, 42});
        }
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            ByteBuffer one = ByteBuffer.allocate(1);
            file.read("far", 4294967303L, one);
            assertThat(one.get(0)).isEqualTo((byte) 41);
            file.read("last", 0, one.clear());
            assertThat(one.get(0)).isEqualTo((byte) 42);
        }
    }

    @Test
    void shouldRefuseTwoTensorsOfOneName() {
        var entry = entry("a", StoredDType.U8, List.of(0L), ByteBuffer.allocate(0));
        assertThatThrownBy(() -> SafetensorsWriter.write(folder.resolve("x"), List.of(entry, entry), false))
                .hasMessageContaining("'a' is taken");
    }

    static SafetensorsWriter.Entry entry(String name, StoredDType dtype, List<Long> shape, ByteBuffer data) {
        return new SafetensorsWriter.Entry(
                name, dtype, shape, (offset, into) -> into.put(data.slice((int) offset, into.remaining())));
    }
}
