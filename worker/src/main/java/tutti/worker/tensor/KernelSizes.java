package tutti.worker.tensor;

import java.lang.reflect.Method;
import java.lang.reflect.Proxy;

/**
 * What a memory plan has to know of a backend, whose library is not loaded for it.
 *
 * @param name as {@link Kernels#name}
 * @param device as {@link Kernels#device}
 * @param master as {@link Kernels#masterDType}
 * @param takesHostMemory as {@link Kernels#takesHostMemory}
 * @param library as {@link Kernels#libraryBytes}
 * @param workspace what {@link Kernels#workspaceBytes} of this backend answers too
 */
public record KernelSizes(
        String name, Device device, DType master, boolean takesHostMemory, long library, Workspace workspace) {

    /** Most bytes of scratch that any operation on a batch of these dimensions holds. */
    @FunctionalInterface
    public interface Workspace {
        long bytes(Dimensions dimensions, DType compute);
    }

    /**
     * Kernels that know their sizes and compute nothing: with a {@link PlanningArena} they let the code that wires a run be run
     * for its memory alone.
     */
    public Kernels withoutDevice() {
        return (Kernels) Proxy.newProxyInstance(
                Kernels.class.getClassLoader(),
                new Class<?>[] {Kernels.class},
                (proxy, method, args) -> answer(method, args));
    }

    private Object answer(Method method, Object... args) {
        return switch (method.getName()) {
            case "name" -> name;
            case "device" -> device;
            case "masterDType" -> master;
            case "takesHostMemory" -> takesHostMemory;
            case "libraryBytes" -> library;
            case "workspaceBytes" -> workspace.bytes((Dimensions) args[0], (DType) args[1]);
            default -> throw new IllegalStateException("a plan computes nothing, but called " + method.getName());
        };
    }
}
