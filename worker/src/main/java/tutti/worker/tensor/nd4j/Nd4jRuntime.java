package tutti.worker.tensor.nd4j;

import static tutti.common.error.TuttiException.environment;

import java.io.IOException;
import java.util.List;
import org.bytedeco.javacpp.Loader;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.nativeblas.NativeOps;
import org.nd4j.nativeblas.NativeOpsHolder;

/** ND4J in this process: started once, quiet, without threads of its own that free arrays. */
final class Nd4jRuntime {
    private Nd4jRuntime() {}

    static {
        // Arrays are freed by the call that made them; without this two threads wait for the garbage collector to find
        // them.
        System.setProperty("org.nd4j.noarraygc", "true");
        System.setProperty("org.nd4j.log.initialization", "false");
        // It scans the class path for other ND4J modules.
        System.setProperty("org.nd4j.versioncheck", "false");
        unpack();
        Nd4j.getMemoryManager().togglePeriodicGc(false);
    }

    /**
     * Unpacks all native files before the first is loaded: JavaCPP alone unpacks and loads one after the other, and a file that is not
     * there yet would be taken from the system.
     */
    private static void unpack() {
        String platform = Loader.getPlatform();
        try {
            Loader.cacheResources("/org/bytedeco/openblas/" + platform + "/");
            int found = 0;
            for (String room : List.of("cpu/nativecpu", "jcublas")) {
                found += Loader.cacheResources("/org/nd4j/linalg/" + room + "/bindings/" + platform + "/").length;
            }
            if (found == 0) {
                throw environment("ND4J for %s is not in the class path: this build packs others", platform);
            }
        } catch (IOException e) {
            throw environment(
                    "ND4J cannot be unpacked: %s; the cache is ~/.javacpp or -Dorg.bytedeco.javacpp.cachedir",
                    e.getMessage());
        }
    }

    static NativeOps nativeOps() {
        return NativeOpsHolder.getInstance().getDeviceNativeOps();
    }

    /** One setting of the whole process: ND4J's own loops, and OpenBLAS. */
    static void setThreads(int threads) {
        Nd4j.getEnvironment().setMaxThreads(threads);
        Nd4j.getEnvironment().setMaxMasterThreads(threads);
        nativeOps().setOmpNumThreads(threads);
        Nd4j.factory().blas().setMaxThreads(threads);
    }
}
