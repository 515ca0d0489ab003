package tutti.deploy.bench;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.List;
import java.util.Locale;
import tutti.deploy.doctor.Machine;
import tutti.worker.tensor.DType;

/**
 * What {@code tutti bench kernels} prints, as JSON in snake_case or as a table.
 *
 * @param batch sequences
 * @param sequence tokens of a sequence
 * @param dtype of activations
 * @param threads that computed
 * @param matmulCeilingGflops measured before and after the kernels on the same threads; the larger
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record KernelReport(
        String shape,
        int batch,
        int sequence,
        String dtype,
        String backend,
        int threads,
        String machine,
        double matmulCeilingGflops,
        List<Row> kernels) {
    private static final double GIGA = 1e9;
    private static final double MICROS = 1e6;

    /**
     * One operation at one size.
     *
     * @param microseconds of one call
     * @param gflops for products and attention, else null
     * @param gbPerSecond bytes that must move, divided by the median time, for operations that memory bounds; else null
     */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    public record Row(String kernel, String size, Spread microseconds, Double gflops, Double gbPerSecond) {}

    static Row row(KernelCase one, Spread seconds) {
        return new Row(
                one.kernel(),
                one.size(),
                new Spread(seconds.median() * MICROS, seconds.min() * MICROS, seconds.max() * MICROS),
                one.flops() > 0 ? (Double) (one.flops() / seconds.median() / GIGA) : null,
                one.bytes() > 0 ? (Double) (one.bytes() / seconds.median() / GIGA) : null);
    }

    static KernelReport of(KernelBench.Options options, String backend, DType compute, List<Row> rows, double ceiling) {
        return new KernelReport(
                options.shape().name(),
                options.batch(),
                options.sequence(),
                compute.name().toLowerCase(Locale.ROOT),
                backend,
                options.threads(),
                Machine.here().processor(),
                ceiling,
                rows);
    }

    /** For people. */
    public String table() {
        StringBuilder text = new StringBuilder();
        line(text, "%s, %d x %d tokens, %s on %s, %d threads", shape, batch, sequence, dtype, backend, threads);
        line(text, "%s; matmul ceiling %,.0f GFLOP/s", machine, matmulCeilingGflops);
        line(text, "");
        line(
                text,
                "%-32s %-36s %10s %22s %8s %8s %7s",
                "kernel",
                "size",
                "us",
                "min .. max",
                "GFLOP/s",
                "ceiling",
                "GB/s");
        for (Row row : kernels) {
            Spread us = row.microseconds();
            line(
                    text,
                    "%-32s %-36s %,10.1f %22s %8s %8s %7s",
                    row.kernel(),
                    row.size(),
                    us.median(),
                    String.format(Locale.ROOT, "%,.1f .. %,.1f", us.min(), us.max()),
                    row.gflops() == null ? "" : String.format(Locale.ROOT, "%,.1f", row.gflops()),
                    row.gflops() == null
                            ? ""
                            : String.format(Locale.ROOT, "%.1f %%", 100 * row.gflops() / matmulCeilingGflops),
                    row.gbPerSecond() == null ? "" : String.format(Locale.ROOT, "%.1f", row.gbPerSecond()));
        }
        return text.toString();
    }

    private static void line(StringBuilder text, String format, Object... args) {
        text.append(String.format(Locale.ROOT, format, args).stripTrailing()).append(System.lineSeparator());
    }
}
