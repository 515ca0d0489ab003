package tutti.worker.tensor.torch;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import tutti.worker.tensor.Device;

/**
 * How products of BF16 are taken: by oneDNN as they are, or widened to float32, multiplied by OpenBLAS and rounded once. Both
 * accumulate in float32; which one is faster is a matter of the processor. It is told by name and never by a clock, so that a
 * machine gives the same bits every time.
 *
 * @param widenedFrom products into BF16 whose three sides all have at least so many elements are widened; {@link Long#MAX_VALUE}
 *     widens none, also not sums into float32, attention and cross-entropy
 * @param reason for people
 */
public record Bf16Products(long widenedFrom, String reason) {
    /** Smaller products are done before their operands would be widened. */
    private static final long LEAST = 64;

    private static final Bf16Products HERE = of(read(Path.of("/proc/cpuinfo")));

    /** For kernels on a device: CUDA's are native. */
    static Bf16Products on(Device device) {
        return device.cuda() ? natively("on a CUDA device") : HERE;
    }

    public static Bf16Products natively(String reason) {
        return new Bf16Products(Long.MAX_VALUE, reason);
    }

    /** @param cpuinfo the text of {@code /proc/cpuinfo}, or an empty one */
    public static Bf16Products of(String cpuinfo) {
        Set<String> flags = Set.copyOf(List.of(value(cpuinfo, "flags").split("\\s+")));
        if (!flags.contains("sse2")) {
            return natively("not a known x86 processor");
        }
        if (flags.contains("amx_bf16")) {
            return natively("amx_bf16 is faster than float32");
        }
        if (!flags.contains("avx512_bf16")) {
            return new Bf16Products(LEAST, "no bf16 instructions, whose emulation is slower than float32");
        }
        // avx512_fp16 tells the Xeons made for AMX from Cooper Lake, which has avx512_bf16 alone.
        if (value(cpuinfo, "vendor_id").equals("GenuineIntel") && flags.contains("avx512_fp16")) {
            return new Bf16Products(LEAST, "avx512_bf16 of Intel is slower than float32, and amx_bf16 is not there");
        }
        return natively("avx512_bf16 is faster than float32");
    }

    /** True if any product is widened. */
    public boolean widened() {
        return widenedFrom < Long.MAX_VALUE;
    }

    @Override
    public String toString() {
        return (widened() ? "as float32: " : "native: ") + reason;
    }

    /** Of the first core; empty if it has no such key. */
    private static String value(String cpuinfo, String key) {
        return cpuinfo.lines()
                .map(line -> line.split(":", 2))
                .filter(pair -> pair.length == 2 && pair[0].strip().equals(key))
                .map(pair -> pair[1].strip())
                .findFirst()
                .orElse("");
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            // Not Linux: what holds for every processor holds for this one.
            return "";
        }
    }
}
