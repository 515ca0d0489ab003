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
    ALLREDUCE_TIME("tutti.allreduce.time", "seconds", "time of a step in which collectives ran, hidden or not"),
    ALLREDUCE_EXPOSED("tutti.allreduce.exposed", "seconds", "all-reduce time of a step that backward did not hide"),
    BUCKET_TIME("tutti.allreduce.bucket.time", "seconds", "from full to summed, a bucket of gradients on a rank"),
    BUCKET_EXPOSED("tutti.allreduce.bucket.exposed", "seconds", "wait of a rank for a bucket after backward ended"),
    BUS_BANDWIDTH("tutti.allreduce.bus.bandwidth", "bytes_per_second", "of the last step, as nccl-tests define it"),
    BYTES_SENT("tutti.allreduce.sent", "bytes", "bytes that the collectives of steps handed to other ranks"),
    BACK_PRESSURE("tutti.allreduce.back.pressure", "offers", "frames offered again because the wire had no room"),
    RETRANSMITS("tutti.allreduce.retransmits", "", "requests to send again what the network had lost"),
    DROPPED_FRAMES("tutti.allreduce.dropped", "frames", "frames that came and were not used, by kind"),
    EVAL_LOSS("tutti.eval.loss", "nats", "cross-entropy per labelled token of the last evaluation"),
    EVAL_EXACT_MATCH("tutti.eval.exact.match", "", "share of right answers of the last evaluation that asked for any"),
    EVAL_TIME("tutti.eval.time", "seconds", "time that training stood still for an evaluation"),
    WORKERS("tutti.workers", "workers", "workers of the current generation"),
    GENERATION("tutti.generation", "", "number of the current generation"),
    CHECKPOINTS("tutti.checkpoints.committed", "checkpoints", "checkpoints committed"),
    CHECKPOINTS_ABANDONED("tutti.checkpoints.abandoned", "checkpoints", "checkpoints that a disk did not take"),
    CHECKPOINT_TIME("tutti.checkpoint.time", "seconds", "from the order to save to a committed checkpoint"),
    CHECKPOINT_WAIT("tutti.checkpoint.wait", "seconds", "time that training stood still for a checkpoint's writing");

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
