package tutti.deploy.doctor;

import static tutti.common.error.TuttiException.require;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import tutti.common.config.TrainConfig.Backend;
import tutti.common.config.TrainConfig.DeviceKind;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.contract.Contract;
import tutti.worker.tensor.contract.ContractCase;
import tutti.worker.tensor.contract.ContractResult;
import tutti.worker.tensor.contract.ContractTable;

/** The kernel contract on this machine, with as many threads as it has cores. */
public final class SelfTest {
    private static final String ALL = "all";

    private final List<Backend> backends;
    private final DeviceKind device;
    private final List<ContractCase> cases;

    /**
     * @param backend a backend's word, or {@code all}
     * @param name a part of the names of the cases to run; empty for all
     */
    public SelfTest(String backend, DeviceKind device, String name) {
        this.backends = backends()
                .filter(one -> device != DeviceKind.CUDA || one == Backend.TORCH)
                .filter(one -> backend.equals(ALL) || one.word().equals(backend.toLowerCase(Locale.ROOT)))
                .toList();
        require(
                !backends.isEmpty(),
                "--backend %s: no such backend on --device %s; there are %s and %s",
                backend,
                device.word(),
                backends().map(Backend::word).collect(Collectors.joining(", ")),
                ALL);
        this.device = device;
        this.cases = Contract.cases().stream()
                .filter(one -> one.name().contains(name))
                .toList();
        require(!cases.isEmpty(), "--case '%s': no case has this in its name", name);
    }

    private static Stream<Backend> backends() {
        return Arrays.stream(Backend.values()).filter(backend -> backend != Backend.AUTO);
    }

    /** @param progress hears a line before each part that takes seconds */
    public ContractTable run(Consumer<String> progress) {
        List<ContractResult> results = new ArrayList<>();
        for (Backend backend : backends) {
            try (Kernels kernels = Libraries.open(backend, device)) {
                for (DType compute : List.of(DType.F64, DType.F32, DType.BF16)) {
                    if (kernels.computeDTypes().contains(compute)) {
                        progress.accept("%d cases on %s %s".formatted(cases.size(), kernels.name(), compute));
                    }
                    cases.forEach(one -> results.add(one.run(kernels, compute)));
                }
            }
        }
        return new ContractTable(results);
    }
}
