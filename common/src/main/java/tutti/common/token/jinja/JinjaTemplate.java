package tutti.common.token.jinja;

import java.time.InstantSource;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import tutti.common.error.TuttiException;

/**
 * A chat template: read once, rendered as often as one likes, by several threads.
 *
 * <p>Gives the very characters that Jinja2 3.1 gives in the environment of transformers' {@code apply_chat_template}: an
 * immutable sandbox with {@code trim_blocks}, {@code lstrip_blocks}, {@code break} and {@code continue}, a {@code tojson}
 * without escapes for HTML, {@code raise_exception}, {@code strftime_now} and generation blocks. Sources: the Template Designer
 * Documentation of Jinja and {@code transformers/utils/chat_template_utils.py}.
 */
public final class JinjaTemplate {
    private static final int MAX_SOURCE = 1_000_000;

    private final List<Statement> body;

    private JinjaTemplate(List<Statement> body) {
        this.body = body;
    }

    /**
     * What came out.
     *
     * @param generations where the assistant speaks, in order; empty if the template has no {@code generation} blocks
     */
    public record Rendered(String text, List<Span> generations) {}

    /** {@code [start, end)} in UTF-16 units of the text. */
    public record Span(int start, int end) {}

    /** Errors are of the category DATA: a template that Jinja2 does not take, with its line and Jinja2's own words. */
    public static JinjaTemplate parse(String source) {
        if (source.length() > MAX_SOURCE) {
            throw TuttiException.data("the chat template has %d characters, more than %d", source.length(), MAX_SOURCE);
        }
        try {
            return new JinjaTemplate(Parser.parse(source));
        } catch (JinjaError e) {
            throw failure(e, e.line());
        }
    }

    /**
     * Renders with these variables: String, Long, Integer, Double, Boolean, null, and List or Map of them. Errors are of the
     * category DATA: what the template raises itself, and what Python would raise, in the same words; and a template that does
     * more work than any honest one.
     *
     * @param clock what {@code strftime_now} reads, in the zone of this machine
     */
    public Rendered render(Map<String, ?> variables, InstantSource clock) {
        Budget budget = new Budget();
        Rendering rendering = new Rendering(budget, clock);
        try {
            Map<String, Object> copies = new HashMap<>();
            variables.forEach((name, value) -> copies.put(name, Kinds.copy(budget, value)));
            Scope.of(rendering, Globals.all()).inner(copies).inner().run(body);
        } catch (JinjaError e) {
            throw failure(e, e.line() > 0 ? e.line() : rendering.line());
        }
        return rendering.rendered();
    }

    private static TuttiException failure(JinjaError error, int line) {
        return TuttiException.data("chat template, line %d: %s", line, error.getMessage());
    }
}
