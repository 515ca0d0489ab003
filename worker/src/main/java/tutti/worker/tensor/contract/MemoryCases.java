package tutti.worker.tensor.contract;

import static tutti.worker.tensor.contract.SideBySide.demand;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Shape;
import tutti.worker.tensor.Tensor;
import tutti.worker.tensor.contract.SideBySide.Pair;

/** What an arena hands out, and what a view is. */
final class MemoryCases {
    private MemoryCases() {}

    static List<ContractCase> all() {
        return List.of(
                new ContractCase("arena", "zero-filled, aligned, counted", MemoryCases::handsOut),
                new ContractCase("arena", "host copies, direct and not, of a part", MemoryCases::copies),
                new ContractCase("arena", "no more than it holds, refused by name", MemoryCases::refusesMore),
                new ContractCase("arena", "nothing after close", MemoryCases::refusesAfterClose),
                new ContractCase("arena", "views write through", MemoryCases::views));
    }

    private static void handsOut(SideBySide sides) {
        try (Arena arena = sides.tested().arena("small", 256)) {
            Tensor first = arena.take("first", sides.compute(), Shape.of(3));
            Tensor second = arena.take("second", sides.compute(), Shape.of(1, 5));
            demand(arena.used() == 128, "used=%d after two small tensors, expected 128", arena.used());
            demand(arena.capacity() == 256, "capacity=%d, expected 256", arena.capacity());
            for (Tensor tensor : List.of(first, second)) {
                demand(Arrays.stream(Numbers.read(tensor)).allMatch(x -> x == 0), "%s is not zero-filled", tensor);
                if (tensor.onHost()) {
                    addressable(tensor);
                } else {
                    unaddressable(tensor);
                }
            }
        }
    }

    private static void addressable(Tensor tensor) {
        demand(tensor.bytes().isDirect(), "%s: bytes() is not direct", tensor);
        demand(
                tensor.bytes().alignmentOffset(0, Arena.ALIGNMENT) == 0,
                "%s: does not start at a multiple of %d bytes",
                tensor,
                Arena.ALIGNMENT);
        demand(tensor.bytes().remaining() == tensor.byteSize(), "%s: bytes() is longer or shorter", tensor);
    }

    private static void unaddressable(Tensor tensor) {
        try {
            demand(false, "%s: not on the host, but bytes()=%s", tensor, tensor.bytes());
        } catch (IllegalStateException e) {
            demand(e.getMessage().contains("cannot address"), "bytes() is refused as: %s", e.getMessage());
        }
    }

    /** Through direct buffers and others, into the middle of what is there. */
    private static void copies(SideBySide sides) {
        try (Arena arena = sides.tested().arena("copies", 256)) {
            Tensor ids = arena.take("ids", DType.I32, Shape.of(6));
            for (ByteBuffer host : List.of(ByteBuffer.allocate(12), ByteBuffer.allocateDirect(12))) {
                host.order(ByteOrder.LITTLE_ENDIAN);
                IntStream.of(7, -1, 300).forEach(host::putInt);
                ids.rows(2, 3).write(host.flip());
                demand(!host.hasRemaining(), "write() left bytes=%d", host.remaining());
                ids.rows(2, 3).read(host.clear());
                demand(!host.hasRemaining(), "read() left bytes=%d", host.remaining());
                demand(
                        host.getInt(0) == 7 && host.getInt(4) == -1 && host.getInt(8) == 300,
                        "read() does not return what write() was given");
                demand(
                        ids.ints().get(1) == 0
                                && ids.ints().get(4) == 300
                                && ids.ints().get(5) == 0,
                        "ints() does not show what write() was given");
                refused(() -> ids.write(host.clear()), "bytes=12", "expected 24");
                refused(() -> ids.read(host.clear()), "bytes=12", "expected 24");
            }
        }
    }

    private static void refusesMore(SideBySide sides) {
        try (Arena arena = sides.tested().arena("small", 128)) {
            arena.take("first", sides.compute(), Shape.of(1));
            refused(
                    () -> arena.take("gradient of layer 3", DType.I32, Shape.of(17)),
                    "arena small",
                    "gradient of layer 3");
            demand(arena.take("last", DType.I32, Shape.of(16)).count() == 16, "the last 64 bytes are not handed out");
        }
    }

    private static void refusesAfterClose(SideBySide sides) {
        Arena arena = sides.tested().arena("gone", 128);
        arena.close();
        refused(() -> arena.take("late", sides.compute(), Shape.of(1)), "after close");
    }

    private static void views(SideBySide sides) {
        Pair whole = sides.activation("whole", 1, 6, 4);
        Pair middle = whole.rows(1, 4).rows(1, 2).view(8);
        sides.call((kernels, side) -> kernels.fill(side.of(middle), 3), middle);
        sides.agreeRounded(whole);
        // Two rows of three: starts and ends off any alignment.
        Pair odd = sides.activation("odd", 1, 7, 3);
        Pair inside = odd.rows(1, 5);
        sides.call((kernels, side) -> kernels.add(side.of(inside), side.of(inside), side.of(inside)), inside);
        sides.agreeRounded(odd);
        refused(() -> whole.tested().rows(5, 2), "rows from=5 count=2");
        refused(() -> whole.tested().view(Shape.of(5)), "different counts");
    }

    private static void refused(Runnable call, String... words) {
        try {
            call.run();
        } catch (TuttiException e) {
            demand(e.category() == Category.BUG, "refused as %s, expected BUG: %s", e.category(), e.getMessage());
            for (String word : words) {
                demand(e.getMessage().contains(word), "the refusal does not name '%s': %s", word, e.getMessage());
            }
            return;
        }
        throw new SideBySide.Broken("was taken, expected a refusal that names '%s'".formatted(words[0]));
    }
}
