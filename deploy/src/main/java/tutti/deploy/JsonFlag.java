package tutti.deploy;

import picocli.CommandLine.Option;

/** {@code --json}, the same for every command that has it. */
final class JsonFlag {
    @Option(
            names = "--json",
            arity = "0..1",
            fallbackValue = "true",
            defaultValue = "false",
            paramLabel = "<json>",
            description = "print JSON: one object, or one a line")
    private boolean given;

    boolean given() {
        return given;
    }
}
