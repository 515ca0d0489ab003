package tutti.worker.tensor.torch;

import static tutti.common.error.TuttiException.environment;

import java.io.IOException;
import org.bytedeco.javacpp.Loader;

/** Settings of JavaCPP that must be made before its first class is loaded, and the files that it unpacks. */
final class NativeFiles {
    static {
        // Its own garbage collection of native objects: every one is closed here by a scope or an owner, and the
        // bookkeeping costs ten times the call it watches.
        System.setProperty("org.bytedeco.javacpp.nopointergc", "true");
    }

    private static final String FOLDER = "/org/bytedeco/pytorch/" + Loader.getPlatform();
    private static final String CUDA = FOLDER + "-gpu/libtorch_cuda.so";

    static {
        if (!packCuda()) {
            // The presets are for both: unless told, they look for some thirty CUDA libraries in every jar, which
            // takes longer than loading libtorch does.
            System.setProperty("org.bytedeco.javacpp.platform.extension", "");
        }
    }

    private NativeFiles() {}

    /** True if this build packs the natives of profile {@code cuda}; loads nothing. */
    static boolean packCuda() {
        return NativeFiles.class.getResource(CUDA) != null;
    }

    /**
     * Unpacks all of libtorch's files before the first of them is loaded. JavaCPP alone unpacks and loads one after the other, and
     * a file that is not there yet is then taken from the system: with Debian's older libtorch installed, that ends the process.
     */
    static void prepare() {
        try {
            // Profile cuda packs the second.
            if (Loader.cacheResources(FOLDER + "/").length + Loader.cacheResources(FOLDER + "-gpu/").length == 0) {
                throw environment(
                        "libtorch for %s is not in the class path: this build packs another", Loader.getPlatform());
            }
        } catch (IOException e) {
            throw environment(
                    "libtorch cannot be unpacked: %s; the cache is ~/.javacpp or -Dorg.bytedeco.javacpp.cachedir",
                    e.getMessage());
        }
    }

    /**
     * Loads libtorch's CUDA kernels, which tell libtorch of themselves, if they are packed; libtorch is loaded before. The presets' own way
     * would load bindings for all of CUDA too, and ask the machine for parts of it that no kernel here calls.
     */
    static void loadCuda() {
        if (packCuda()) {
            try {
                System.load(Loader.cacheResource(NativeFiles.class, CUDA).getPath());
            } catch (IOException e) {
                throw environment("libtorch cannot be unpacked: %s", e.getMessage());
            }
        }
    }
}
