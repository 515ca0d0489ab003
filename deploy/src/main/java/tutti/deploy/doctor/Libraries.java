package tutti.deploy.doctor;

import static tutti.common.error.TuttiException.environment;
import static tutti.deploy.doctor.Finding.missing;
import static tutti.deploy.doctor.Finding.ok;
import static tutti.deploy.doctor.Finding.warn;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import tutti.common.config.TrainConfig.Backend;
import tutti.common.config.TrainConfig.DeviceKind;
import tutti.common.error.TuttiException;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.torch.LibTorch;
import tutti.worker.train.Backends;

/** The native libraries that this build carries: do they load here, and what do they find. */
public final class Libraries {
    private static final Path NVIDIA = Path.of("/proc/driver/nvidia/version");

    private static final String BUILD = "build with mvn -B -Pcuda -DskipTests package";

    private Libraries() {}

    public static List<Finding> findings() {
        List<Finding> findings = new ArrayList<>(libtorch());
        findings.add(nd4j());
        return findings;
    }

    private static List<Finding> libtorch() {
        try (Kernels kernels = open(Backend.TORCH, DeviceKind.CPU)) {
            String value =
                    "%s (%s), --backend %s".formatted(LibTorch.version(), LibTorch.cpuCapability(), kernels.name());
            return List.of(ok("libtorch", value), cuda());
        } catch (TuttiException | LinkageError e) {
            return List.of(missing(
                    "libtorch",
                    "does not load: " + rootOf(e),
                    "is ~/.javacpp writable and not full, and is this Linux with glibc?"));
        }
    }

    /** Not the default, so a machine without it is fit for runs. */
    private static Finding nd4j() {
        try (Kernels kernels = open(Backend.ND4J, DeviceKind.CPU)) {
            return ok("ND4J", "loads, --backend %s".formatted(kernels.name()));
        } catch (TuttiException | LinkageError e) {
            return warn("ND4J", "does not load: " + rootOf(e), "--backend torch does without it");
        }
    }

    /** A failure while classes load is wrapped by the JVM. */
    private static String rootOf(Throwable failure) {
        Throwable root = failure;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        return String.valueOf(root.getMessage()).replaceAll("\\s*\\R\\s*", " ");
    }

    private static Finding cuda() {
        if (LibTorch.packsCuda()) {
            int devices = LibTorch.cudaDevices();
            return devices > 0
                    ? ok("CUDA", devices + " devices")
                    : warn("CUDA", "no device", "this build needs an NVIDIA driver for CUDA 13 and a device");
        }
        return Files.exists(NVIDIA)
                ? warn("CUDA", "an NVIDIA driver, and none in this build", BUILD)
                : ok("CUDA", "none in this build");
    }

    /** @throws TuttiException (environment) that names what is missing for that device */
    public static void require(DeviceKind device) {
        if (device == DeviceKind.CUDA && !LibTorch.packsCuda()) {
            throw environment(
                    "--device cuda: libtorch %s of this build computes on the CPU only; %s", LibTorch.version(), BUILD);
        }
    }

    /** The one place of the doctor that opens a backend. */
    static Kernels open(Backend backend, DeviceKind device) {
        require(device);
        return Backends.open(
                backend,
                Backends.device(backend, device, 0),
                Runtime.getRuntime().availableProcessors());
    }
}
