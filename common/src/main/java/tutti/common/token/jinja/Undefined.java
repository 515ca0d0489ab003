package tutti.common.token.jinja;

/**
 * A value that is not there. It prints as nothing, is false and empty; every other use of it is an error.
 *
 * @param message what the error says
 */
record Undefined(String message) {
    static Undefined name(String name) {
        return new Undefined(Repr.quote(name) + " is undefined");
    }

    /** What {@code owner[key]} or {@code owner.key} is if there is none. */
    static Undefined member(Object owner, Object key) {
        String type = owner == null ? "None" : Kinds.longName(owner) + " object";
        return new Undefined(
                key instanceof String name
                        ? Repr.quote(type) + " has no attribute " + Repr.quote(name)
                        : type + " has no element " + Repr.repr(new Budget(), key));
    }

    static Undefined unsafe(Object owner, String attribute) {
        return new Undefined("access to attribute %s of %s object is unsafe."
                .formatted(Repr.quote(attribute), Repr.quote(Kinds.name(owner))));
    }

    JinjaError fail() {
        return new JinjaError(0, message);
    }
}
