package tutti.deploy;

import static tutti.common.error.TuttiException.environment;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tutti.common.config.TrainConfig.DeviceKind;
import tutti.common.error.Category;
import tutti.deploy.doctor.Finding;
import tutti.deploy.doctor.Finding.Level;
import tutti.deploy.doctor.Libraries;
import tutti.deploy.doctor.Machine;
import tutti.deploy.doctor.SelfTest;
import tutti.worker.tensor.contract.ContractResult.Verdict;
import tutti.worker.tensor.contract.ContractTable;

/** {@code tutti doctor}: what this machine has and lacks; with {@code --selftest} also whether its kernels keep the contract. */
@Command(
        name = "doctor",
        description = "what this machine has and lacks; --selftest proves its kernels",
        sortOptions = false,
        mixinStandardHelpOptions = true)
final class DoctorCommand implements Callable<Integer> {
    private final PrintStream out;

    @Option(
            names = "--selftest",
            arity = "0..1",
            fallbackValue = "true",
            defaultValue = "false",
            description = "run the kernel contract here and print its table")
    private boolean selftest;

    @Option(names = "--device", defaultValue = "cpu", description = "cpu or cuda (default: cpu)")
    private DeviceKind device;

    @Option(names = "--backend", defaultValue = "all", description = "whose kernels: a backend, or all (default: all)")
    private String backend;

    @Option(names = "--case", defaultValue = "", description = "only the cases whose names contain this")
    private String name;

    @Mixin
    private JsonFlag json;

    DoctorCommand(PrintStream out) {
        this.out = out;
    }

    @Override
    public Integer call() throws JsonProcessingException {
        SelfTest test = new SelfTest(backend, device, name);
        Libraries.require(device);
        List<Finding> findings = new ArrayList<>(Machine.here().findings());
        findings.addAll(Libraries.findings());
        if (!json.given()) {
            findings.forEach(out::println);
        }
        ContractTable table = selftest ? test.run(this::progress) : null;
        if (json.given()) {
            out.println(new ObjectMapper()
                    .setPropertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
                    .writeValueAsString(fields(findings, table)));
        } else if (table != null) {
            table.lines().forEach(out::println);
        }
        return verdict(findings, table);
    }

    private void progress(String line) {
        if (!json.given()) {
            out.println("selftest " + line);
        }
    }

    static int verdict(List<Finding> findings, ContractTable table) {
        int failed = table == null ? 0 : table.count(Verdict.FAILED);
        if (failed > 0) {
            throw environment(
                    "selftest: failed=%d of %d runs of cases; do not train with that backend here, report the lines FAILED",
                    failed, failed + table.count(Verdict.PASSED));
        }
        boolean lacking = findings.stream().anyMatch(finding -> finding.level() == Level.MISSING);
        return lacking ? Category.ENVIRONMENT.exitCode() : 0;
    }

    private static Map<String, Object> fields(List<Finding> findings, ContractTable table) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("findings", findings);
        if (table != null) {
            Map<String, Object> selftest = new LinkedHashMap<>();
            for (Verdict verdict : Verdict.values()) {
                selftest.put(verdict.name().toLowerCase(Locale.ROOT), table.count(verdict));
            }
            selftest.put("kernels", table.cells());
            selftest.put("not_passed", table.notPassed());
            fields.put("selftest", selftest);
        }
        return fields;
    }
}
