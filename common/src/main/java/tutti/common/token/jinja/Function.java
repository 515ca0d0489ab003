package tutti.common.token.jinja;

/** What a template can call. */
@FunctionalInterface
interface Function {
    Object call(Rendering rendering, Args args);
}
