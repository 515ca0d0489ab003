package tutti.common.token.jinja;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A piece of a template that can be called: it sees what stands around its definition, and gives the text it writes. */
final class Macro implements Function, Members {
    private final Recipe recipe;
    private final Scope outside;

    Macro(Recipe recipe, Scope outside) {
        this.recipe = recipe;
        this.outside = outside;
    }

    /**
     * A macro as it stands in the template.
     *
     * @param name null for the body of a call block
     * @param defaults of the last parameters
     * @param extras which of {@code caller}, {@code kwargs}, {@code varargs} the body speaks of
     */
    record Recipe(
            String name, List<String> parameters, List<Expr> defaults, List<Statement> body, Set<String> extras) {}

    @Override
    public Object call(Rendering rendering, Args args) {
        rendering.budget().enter();
        Scope scope = outside.inner();
        bind(scope, args);
        int line = rendering.line();
        StringBuilder outer = rendering.hold();
        scope.run(recipe.body());
        String text = rendering.release(outer);
        rendering.at(line);
        rendering.budget().leave();
        return text;
    }

    private void bind(Scope scope, Args args) {
        List<String> parameters = recipe.parameters();
        Map<String, Object> left = new LinkedHashMap<>(args.named());
        int placed = Math.min(args.list().size(), parameters.size());
        for (int i = 0; i < parameters.size(); i++) {
            String name = parameters.get(i);
            int defaultAt = i - (parameters.size() - recipe.defaults().size());
            if (i < placed) {
                scope.set(name, args.at(i));
            } else if (left.containsKey(name)) {
                scope.set(name, left.remove(name));
            } else if (defaultAt >= 0) {
                scope.set(name, scope.value(recipe.defaults().get(defaultAt)));
            } else {
                scope.set(name, new Undefined("parameter " + Repr.quote(name) + " was not provided"));
            }
        }
        if (recipe.extras().contains("caller") && !parameters.contains("caller")) {
            Object caller = left.remove("caller");
            scope.set("caller", caller == null ? new Undefined("No caller defined") : caller);
        }
        String name = recipe.name() == null ? "None" : Repr.quote(recipe.name());
        if (recipe.extras().contains("kwargs")) {
            scope.set("kwargs", left);
        } else if (left.containsKey("caller")) {
            throw JinjaError.of(
                    "macro %s was invoked with two values for the special caller argument. This is most likely a bug.",
                    name);
        } else if (!left.isEmpty()) {
            String unknown = left.keySet().iterator().next();
            throw JinjaError.of("macro %s takes no keyword argument %s", name, Repr.quote(unknown));
        }
        if (recipe.extras().contains("varargs")) {
            scope.set(
                    "varargs", new Tuple(args.list().subList(placed, args.list().size())));
        } else if (args.list().size() > placed) {
            throw JinjaError.of("macro %s takes not more than %d argument(s)", name, parameters.size());
        }
    }

    @Override
    public Object member(Rendering rendering, String name) {
        return switch (name) {
            case "name" -> recipe.name();
            case "arguments" -> new Tuple(List.copyOf(recipe.parameters()));
            case "catch_kwargs" -> recipe.extras().contains("kwargs");
            case "catch_varargs" -> recipe.extras().contains("varargs");
            case "caller" -> recipe.extras().contains("caller");
            default -> Args.MISSING;
        };
    }

    @Override
    public String toString() {
        return "<Macro %s>".formatted(recipe.name() == null ? "anonymous" : Repr.quote(recipe.name()));
    }
}
