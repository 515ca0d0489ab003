package tutti.deploy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import tutti.common.config.LaunchConfig;
import tutti.common.config.PlanConfig;
import tutti.common.error.TuttiException;
import tutti.worker.agent.GradientMemory;
import tutti.worker.allreduce.Topology;
import tutti.worker.model.LlamaConfig;
import tutti.worker.tensor.Device;
import tutti.worker.tensor.KernelSizes;
import tutti.worker.train.Backends;
import tutti.worker.train.MemoryPlan;

/**
 * What a run takes on one node.
 *
 * @param device where a worker keeps its replica
 * @param longest tokens of a sample that were planned for
 * @param countedTwice bytes in memory that workers of this node share, beyond the first time they are counted
 */
record NodePlan(MemoryPlan worker, Device device, int workers, int longest, long countedTwice) {
    /** JVM, libtorch and a small data set of one worker, before it takes anything that is planned. */
    static final long BASE_BYTES = 400L << 20;

    private static final Path SHARED_MEMORY = Path.of("/dev/shm");

    /**
     * Of a run whose longest sample is as long as it may be: {@code --model_max_length}, or what the model was made for.
     *
     * @throws TuttiException (user) if a budget of activation memory is too small
     */
    static NodePlan of(PlanConfig run, LlamaConfig model) {
        LaunchConfig launch = run.launch();
        Device device = Backends.device(run.train().backend(), run.train().device(), 0);
        KernelSizes sizes = Backends.sizes(run.train().backend(), device);
        GradientMemory gradients = GradientMemory.of(Topology.of(launch.nodes()), launch.firstRank(), sharedMemory());
        int longest = Math.min(run.model().maxLength(), model.maxPositions());
        MemoryPlan worker = MemoryPlan.of(run, model, sizes, longest, gradients::bytes);
        long shared = sizes.takesHostMemory() ? worker.gradientBytes() : 0;
        int workers = launch.nprocPerNode();
        return new NodePlan(worker, device, workers, longest, gradients.countedTwice(workers, shared));
    }

    /** Planned bytes of all workers. */
    long bytes() {
        return workers * worker.total() - countedTwice;
    }

    /** What the node's own memory must hold: the planned bytes that do not lie on CUDA devices, and what the processes hold beside them. */
    long withBase() {
        return workers * (worker.hostBytes(device) + BASE_BYTES) - countedTwice;
    }

    private static long sharedMemory() {
        try {
            return Files.getFileStore(SHARED_MEMORY).getTotalSpace();
        } catch (IOException e) {
            throw TuttiException.environment("%s: is not there: %s", SHARED_MEMORY, e);
        }
    }
}
