package tutti.common.token.jinja;

import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;

/** One run of a template: what was written so far, where, and what it may still do. */
final class Rendering {
    private final Budget budget;
    private final InstantSource clock;
    private final StringBuilder page = new StringBuilder();
    private final List<JinjaTemplate.Span> generations = new ArrayList<>();
    private StringBuilder out = page;
    private int line = 1;

    Rendering(Budget budget, InstantSource clock) {
        this.budget = budget;
        this.clock = clock;
    }

    Budget budget() {
        return budget;
    }

    InstantSource clock() {
        return clock;
    }

    int line() {
        return line;
    }

    void at(int line) {
        this.line = line;
    }

    void write(String text) {
        budget.make(out.length() + text.length() > Budget.MAX_TEXT ? Budget.MAX_TEXT + 1L : text.length());
        out.append(text);
    }

    /** From here on text is kept aside. Returns what {@link #release} needs to go on where it was. */
    StringBuilder hold() {
        StringBuilder outer = out;
        out = new StringBuilder();
        return outer;
    }

    String release(StringBuilder outer) {
        String held = out.toString();
        out = outer;
        return held;
    }

    /** Notes a text that is about to be written as the assistant's; inside a macro its place is the page's end so far. */
    void generated(String text) {
        generations.add(new JinjaTemplate.Span(page.length(), page.length() + text.length()));
    }

    JinjaTemplate.Rendered rendered() {
        return new JinjaTemplate.Rendered(page.toString(), List.copyOf(generations));
    }
}
