package tutti.common.token.jinja;

import java.util.ArrayList;
import java.util.List;

/**
 * Filters and tests that a template uses and nobody knows. Such a template is refused, but for those that stand straight in an
 * {@code if}: it may ask first ({@code 'x' is filter}), so there the error comes when they are used.
 */
final class Unknowns {
    private final List<JinjaError> refused = new ArrayList<>();
    private final List<JinjaError> open = new ArrayList<>();

    void add(Token name, String kind, String fullName) {
        open.add(JinjaError.at(name.line(), "No %s named %s.", kind, Repr.quote(fullName)));
    }

    int mark() {
        return open.size();
    }

    /** All since the mark stand in an {@code if}. */
    void allow(int mark) {
        open.subList(mark, open.size()).clear();
    }

    /** All since the mark stand in a block of their own, whatever stands around it. */
    void refuse(int mark) {
        refused.addAll(open.subList(mark, open.size()));
        allow(mark);
    }

    void check() {
        refuse(0);
        if (!refused.isEmpty()) {
            throw refused.get(0);
        }
    }
}
