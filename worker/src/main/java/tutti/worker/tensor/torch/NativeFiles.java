package tutti.worker.tensor.torch;

import static tutti.common.error.TuttiException.environment;

import java.io.IOException;
import org.bytedeco.javacpp.Loader;

/** Settings of JavaCPP that must be made before its first class is loaded. */
final class NativeFiles {
    private NativeFiles() {}

    /**
     * Unpacks all of libtorch's files before the first of them is loaded. JavaCPP alone unpacks and loads one after the other, and
     * a file that is not there yet is then taken from the system: with Debian's older libtorch installed, that ends the process.
     *
     * <p>Also turns off JavaCPP's own garbage collection of native objects: every one is closed here by a scope or an owner, and
     * the bookkeeping costs ten times the call it watches.
     */
    static void prepare() {
        System.setProperty("org.bytedeco.javacpp.nopointergc", "true");
        String platform = Loader.getPlatform();
        String folder = "/org/bytedeco/pytorch/" + platform;
        try {
            // Profile cuda packs the second.
            if (Loader.cacheResources(folder + "/").length + Loader.cacheResources(folder + "-gpu/").length == 0) {
                throw environment("libtorch for %s is not in the class path: this build packs another", platform);
            }
        } catch (IOException e) {
            throw environment(
                    "libtorch cannot be unpacked: %s; the cache is ~/.javacpp or -Dorg.bytedeco.javacpp.cachedir",
                    e.getMessage());
        }
    }
}
