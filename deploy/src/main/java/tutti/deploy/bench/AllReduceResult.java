package tutti.deploy.bench;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.Locale;
import tutti.common.config.AllReduceConfig.ReduceDType;

/**
 * The all-reduce of one size, as JSON in snake_case or as a line of a table. Bandwidths are those of nccl-tests, in 1e9 bytes a second.
 *
 * @param transport that the sums took, as its flag has it
 * @param reduceDtype what travelled, as its flag has it
 * @param bytes of float32 that each rank contributes
 * @param timeUs microseconds of one call
 * @param algbwGbps bytes / median time
 * @param busbwGbps algbw x 2 (W - 1) / W, half of that if bfloat16 travelled: what a rank must at least send and receive, so that groups
 *     of any size compare
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record AllReduceResult(
        int worldSize,
        String transport,
        String reduceDtype,
        long bytes,
        Spread timeUs,
        double algbwGbps,
        double busbwGbps) {
    private static final double GIGA = 1e9;
    private static final double MICROS = 1e6;
    private static final String COLUMNS = "%14s %12s %26s %12s %12s";

    /** @param seconds of one call */
    static AllReduceResult of(int worldSize, Transport transport, ReduceDType reduceDType, long bytes, Spread seconds) {
        double carried = reduceDType == ReduceDType.BFLOAT16 ? 0.5 : 1;
        double algbw = bytes / seconds.median() / GIGA;
        return new AllReduceResult(
                worldSize,
                transport.word(),
                reduceDType.word(),
                bytes,
                new Spread(seconds.median() * MICROS, seconds.min() * MICROS, seconds.max() * MICROS),
                algbw,
                algbw * carried * 2 * (worldSize - 1) / worldSize);
    }

    /** For people: what stands above the {@link #row}s. */
    public String head(String machine) {
        return "float32 all-reduce, %d ranks, %s%s%n%s%n%n%s%n"
                .formatted(
                        worldSize,
                        transport,
                        reduceDtype.equals(ReduceDType.FLOAT32.word()) ? "" : " in " + reduceDtype,
                        machine,
                        COLUMNS.formatted("bytes", "us", "min .. max", "algbw GB/s", "busbw GB/s"));
    }

    /** For people. */
    public String row() {
        return (COLUMNS + "%n")
                .formatted(
                        format("%,d", bytes),
                        format("%,.1f", timeUs.median()),
                        format("%,.1f .. ", timeUs.min()) + format("%,.1f", timeUs.max()),
                        format("%.3f", algbwGbps),
                        format("%.3f", busbwGbps));
    }

    private static String format(String format, Object value) {
        return String.format(Locale.ROOT, format, value);
    }
}
