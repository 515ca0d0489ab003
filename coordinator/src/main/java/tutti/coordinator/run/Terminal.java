package tutti.coordinator.run;

import java.io.PrintStream;
import java.util.List;
import java.util.Locale;
import java.util.function.LongSupplier;
import tutti.common.metrics.EvalMetrics;
import tutti.common.metrics.StepMetrics;
import tutti.common.protocol.WorkerReport.SampleAnswer;

/**
 * What the person at the terminal sees: a bar that is drawn over itself, or plain lines, at most one a second, where nobody could
 * redraw them. Used by one thread.
 */
public final class Terminal {
    private static final long PLAIN_INTERVAL = 1_000_000_000L;
    private static final long BAR_INTERVAL = 100_000_000L;
    private static final int BAR_CELLS = 24;

    private final PrintStream out;
    private final boolean bar;
    private final int columns;
    private final LongSupplier clock;
    private long lastDrawn = Long.MIN_VALUE;
    private boolean barOpen;

    /** @param clock nanoseconds */
    public Terminal(PrintStream out, boolean bar, int columns, LongSupplier clock) {
        this.out = out;
        this.bar = bar;
        this.columns = columns;
        this.clock = clock;
    }

    public void line(String text) {
        breakBar();
        out.println(text);
        out.flush();
    }

    void step(StepMetrics m, long totalSteps, long etaSeconds) {
        long now = clock.getAsLong();
        boolean last = m.step() == totalSteps;
        if (!last && lastDrawn != Long.MIN_VALUE && now - lastDrawn < (bar ? BAR_INTERVAL : PLAIN_INTERVAL)) {
            return;
        }
        lastDrawn = now;
        String text = String.format(
                Locale.ROOT,
                "step %d/%d | loss %.4f | lr %.2e | grad norm %.3f | %,.0f tokens/s | %s left",
                m.step(),
                totalSteps,
                m.loss(),
                m.learningRate(),
                m.gradNorm(),
                m.tokensPerSecond(),
                duration(etaSeconds));
        if (!bar) {
            line(text);
            return;
        }
        int filled = (int) (BAR_CELLS * m.step() / totalSteps);
        String drawn = "[" + "=".repeat(filled) + " ".repeat(BAR_CELLS - filled) + "] " + text;
        out.print("\r" + pad(drawn));
        out.flush();
        barOpen = true;
    }

    void evaluated(EvalMetrics found, List<SampleAnswer> answers) {
        line(String.format(
                Locale.ROOT,
                "eval step %d: loss %.4f, perplexity %.2f%s (%d samples, %.1f s)",
                found.step(),
                found.evalLoss(),
                found.evalPerplexity(),
                found.evalExactMatch() == null
                        ? ""
                        : String.format(Locale.ROOT, ", exact match %.1f %%", 100 * found.evalExactMatch()),
                found.evalSamples(),
                found.evalRuntime()));
        for (SampleAnswer answer : answers) {
            line("  " + clip(answer.prompt()));
            line("    " + clip(answer.answer()));
        }
    }

    /** What people and models write, in one short line, and without characters that would move the cursor. */
    private String clip(String text) {
        String flat = text.strip().replaceAll("\\s+", " ").replaceAll("\\p{Cc}", "?");
        int most = Math.max(20, columns - 8);
        return flat.length() > most ? flat.substring(0, most) + "..." : flat;
    }

    void done(String text) {
        line(text);
    }

    /** Leaves the bar where it is and goes on below it. */
    void breakBar() {
        if (barOpen) {
            out.println();
            barOpen = false;
        }
    }

    /** Exactly one line, so that nothing of the line before shows through. */
    private String pad(String text) {
        int width = columns - 1;
        return text.length() > width ? text.substring(0, width) : text + " ".repeat(width - text.length());
    }

    /** {@code 1:02:03} or {@code 2:03}. */
    static String duration(long seconds) {
        long hours = seconds / 3600;
        String minutes = String.format(Locale.ROOT, hours > 0 ? "%02d" : "%d", seconds / 60 % 60);
        return (hours > 0 ? hours + ":" : "") + minutes + String.format(Locale.ROOT, ":%02d", seconds % 60);
    }
}
