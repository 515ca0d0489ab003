package tutti.common.config;

import static tutti.common.error.TuttiException.require;
import static tutti.common.error.TuttiException.user;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * The shape of the learning rate over a run, with transformers' names: {@code --lr_scheduler_type} and {@code --lr_scheduler_kwargs}.
 *
 * @param options those that were given; each of them is one that the shape has
 */
public record LrSchedule(Shape shape, Map<String, Double> options) {
    /** As the functions behind transformers' {@code get_scheduler}, with the options that each of them takes. */
    public enum Shape {
        LINEAR,
        COSINE("num_cycles"),
        COSINE_WITH_RESTARTS("num_cycles"),
        POLYNOMIAL("lr_end", "power"),
        /** No warm-up, as in transformers. */
        CONSTANT,
        CONSTANT_WITH_WARMUP,
        INVERSE_SQRT("timescale"),
        COSINE_WITH_MIN_LR("num_cycles", "min_lr", "min_lr_rate"),
        COSINE_WARMUP_WITH_MIN_LR("num_cycles", "min_lr", "min_lr_rate", "warmup_lr_rate"),
        WARMUP_STABLE_DECAY("num_decay_steps", "min_lr_ratio", "num_cycles");

        private final List<String> options;

        Shape(String... options) {
            this.options = List.of(options);
        }

        private String word() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    public LrSchedule {
        options = Map.copyOf(options);
        for (Map.Entry<String, Double> option : options.entrySet()) {
            require(
                    shape.options.contains(option.getKey()),
                    "--lr_scheduler_kwargs: %s: --lr_scheduler_type %s takes %s",
                    option.getKey(),
                    shape.word(),
                    shape.options.isEmpty() ? "none" : String.join(", ", shape.options));
            require(
                    Double.isFinite(option.getValue()) && option.getValue() >= 0,
                    "--lr_scheduler_kwargs: %s=%s: not below 0",
                    option.getKey(),
                    option.getValue());
        }
        boolean withMinimum = shape == Shape.COSINE_WITH_MIN_LR || shape == Shape.COSINE_WARMUP_WITH_MIN_LR;
        require(
                !withMinimum || options.containsKey("min_lr") != options.containsKey("min_lr_rate"),
                "--lr_scheduler_type %s: one of min_lr and min_lr_rate is needed, as in --lr_scheduler_kwargs '{\"min_lr_rate\": 0.1}'",
                shape.word());
        require(
                shape != Shape.WARMUP_STABLE_DECAY || options.containsKey("num_decay_steps"),
                "--lr_scheduler_type %s: num_decay_steps is needed, as in --lr_scheduler_kwargs '{\"num_decay_steps\": 100}'",
                shape.word());
        require(
                options.getOrDefault("timescale", 1.0) > 0,
                "--lr_scheduler_kwargs: timescale=%s: more than 0",
                options.get("timescale"));
    }

    /** With transformers' own options. */
    public static LrSchedule of(Shape shape) {
        return new LrSchedule(shape, Map.of());
    }

    public OptionalDouble option(String name) {
        return options.containsKey(name) ? OptionalDouble.of(options.get(name)) : OptionalDouble.empty();
    }

    static LrSchedule read(Settings settings) {
        return new LrSchedule(
                settings.choice(Keys.LR_SCHEDULER_TYPE, Shape.class), parse(settings.text(Keys.LR_SCHEDULER_KWARGS)));
    }

    private static Map<String, Double> parse(String text) {
        Map<String, Double> options = new LinkedHashMap<>();
        if (text.isEmpty()) {
            return options;
        }
        try {
            JsonNode json = new ObjectMapper().readTree(text);
            require(json.isObject(), "--lr_scheduler_kwargs=%s: no JSON object", text);
            for (Map.Entry<String, JsonNode> option : json.properties()) {
                require(
                        option.getValue().isNumber(),
                        "--lr_scheduler_kwargs: %s=%s: not a number",
                        option.getKey(),
                        option.getValue());
                options.put(option.getKey(), option.getValue().asDouble());
            }
            return options;
        } catch (JsonProcessingException e) {
            throw user("--lr_scheduler_kwargs=%s: no JSON object; put it in single quotes", text);
        }
    }
}
