package tutti.test.arch;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import tutti.test.support.Root;

/** The rooms of the house in reading order, and all classes of the main code. A room imports rooms above it, and common. */
final class Rooms {
    static final List<String> MODULES = List.of("common", "worker", "coordinator", "deploy");

    static final List<String> IN_ORDER = List.of(
            "tutti.common.error",
            "tutti.common.config",
            "tutti.common.metrics",
            "tutti.common.dataset",
            "tutti.common.token.jinja",
            "tutti.common.token",
            "tutti.common.shard",
            "tutti.common.checkpoint",
            "tutti.common.protocol",
            "tutti.worker.tensor",
            "tutti.worker.tensor.torch",
            "tutti.worker.tensor.nd4j",
            "tutti.worker.tensor.contract",
            "tutti.worker.samples",
            "tutti.worker.batch",
            "tutti.worker.model",
            "tutti.worker.tune",
            "tutti.worker.allreduce",
            "tutti.worker.allreduce.aeron",
            "tutti.worker.gradient",
            "tutti.worker.optim",
            "tutti.worker.checkpoint",
            "tutti.worker.train",
            "tutti.worker.generate",
            "tutti.worker.evaluate",
            "tutti.worker.agent",
            "tutti.worker",
            "tutti.coordinator.plan",
            "tutti.coordinator.ledger",
            "tutti.coordinator.membership",
            "tutti.coordinator.run",
            "tutti.coordinator.console",
            "tutti.coordinator",
            "tutti.deploy.agent",
            "tutti.deploy.quickstart",
            "tutti.deploy.doctor",
            "tutti.deploy.bench",
            "tutti.deploy");

    /** The main code alone: tests may do more. */
    static final JavaClasses CLASSES = new ClassFileImporter()
            .importPaths(MODULES.stream()
                    .map(module -> Root.path().resolve(module).resolve("target/classes"))
                    .toList());

    private Rooms() {}

    /** {@code common}, {@code worker}, {@code coordinator} or {@code deploy}. */
    static String module(JavaClass type) {
        return type.getPackageName().split("\\.")[1];
    }

    static boolean isOurs(JavaClass type) {
        return type.getPackageName().startsWith("tutti.");
    }

    /** Every Java file below {@code MODULE/src/KIND/java} of these modules. */
    static List<Path> sources(List<String> modules, String kind) {
        return modules.stream()
                .map(module ->
                        Root.path().resolve(module).resolve("src").resolve(kind).resolve("java"))
                .filter(Files::isDirectory)
                .flatMap(Rooms::javaFiles)
                .toList();
    }

    private static Stream<Path> javaFiles(Path folder) {
        try (Stream<Path> files = Files.walk(folder)) {
            return files.filter(file -> file.toString().endsWith(".java")).toList().stream();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
