package tutti.deploy.doctor;

/** What a backend computes on: the word of {@code --device}. */
public enum Device {
    CPU,
    CUDA
}
