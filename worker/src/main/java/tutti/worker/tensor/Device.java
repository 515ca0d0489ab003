package tutti.worker.tensor;

/**
 * Where the numbers of a backend lie and its kernels run.
 *
 * @param cuda false for the CPU, whose memory the host addresses itself
 * @param index number of the CUDA device on this machine; 0 for the CPU
 */
public record Device(boolean cuda, int index) {
    public static final Device CPU = new Device(false, 0);

    public static Device cuda(int index) {
        return new Device(true, index);
    }

    /** PyTorch's word: {@code cpu} or {@code cuda:0}. */
    @Override
    public String toString() {
        return cuda ? "cuda:" + index : "cpu";
    }
}
