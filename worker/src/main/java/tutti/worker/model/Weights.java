package tutti.worker.model;

/** Gives a model its weights by name; implemented by worker.tune, which knows what learns. */
public interface Weights {
    Weight weight(String name);

    Linear linear(String name);
}
