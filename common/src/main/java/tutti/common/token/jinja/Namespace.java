package tutti.common.token.jinja;

import java.util.Map;

/** {@code namespace(...)}: the one value that a template may change, so that a loop can hand something out. */
record Namespace(Map<Object, Object> attributes) {}
