package tutti.worker.tensor.torch;

import static tutti.common.error.TuttiException.environment;

import java.io.IOException;
import org.bytedeco.javacpp.Loader;

/**
 * Unpacks all of libtorch's files before the first of them is loaded. JavaCPP alone unpacks and loads one after the other, and a
 * file that is not there yet is then taken from the system: with Debian's older libtorch installed, that ends the process.
 */
final class NativeFiles {
    private NativeFiles() {}

    static void unpack() {
        String folder = "/org/bytedeco/pytorch/" + Loader.getPlatform() + "/";
        try {
            if (Loader.cacheResources(folder).length == 0) {
                throw environment("libtorch for %s is not in the class path: this build packs others", folder);
            }
        } catch (IOException e) {
            throw environment(
                    "libtorch cannot be unpacked: %s; the cache is ~/.javacpp or -Dorg.bytedeco.javacpp.cachedir",
                    e.getMessage());
        }
    }
}
