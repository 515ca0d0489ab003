package tutti.common.token.jinja;

/** A value with attributes of its own: a loop, a macro, a cycler. */
interface Members {
    /** {@link Args#MISSING} if there is none of that name. */
    Object member(Rendering rendering, String name);
}
