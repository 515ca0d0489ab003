package tutti.common.metrics;

/** Every meter by name, unit and meaning. Each has exactly one emitter; a test walks the list. */
public enum Meter {
    STEP("tutti.train.step", "steps", "optimizer steps completed"),
    LOSS("tutti.train.loss", "nats", "cross-entropy per labelled token of the last step"),
    LEARNING_RATE("tutti.train.learning.rate", "", "learning rate of the last step"),
    GRAD_NORM("tutti.train.grad.norm", "", "global gradient norm of the last step, before clipping"),
    TOKENS("tutti.train.tokens", "tokens", "labelled tokens trained on"),
    TOKENS_PER_SECOND("tutti.train.tokens.per.second", "tokens", "tokens through the model per second, last step"),
    STEP_TIME("tutti.train.step.time", "seconds", "wall time of a step on its slowest rank"),
    ALLREDUCE_EXPOSED("tutti.allreduce.exposed", "seconds", "all-reduce time of a step that backward did not hide"),
    WORKERS("tutti.workers", "workers", "workers of the current generation"),
    GENERATION("tutti.generation", "", "number of the current generation"),
    CHECKPOINTS("tutti.checkpoints.committed", "checkpoints", "checkpoints committed");

    private final String id;
    private final String unit;
    private final String meaning;

    Meter(String id, String unit, String meaning) {
        this.id = id;
        this.unit = unit;
        this.meaning = meaning;
    }

    /** Micrometer's dotted name; Prometheus shows it with underscores. */
    public String id() {
        return id;
    }

    public String unit() {
        return unit;
    }

    public String meaning() {
        return meaning;
    }
}
