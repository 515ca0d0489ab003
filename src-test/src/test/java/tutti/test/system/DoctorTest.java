package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.common.error.Category;

/** {@code tutti doctor} as a user calls it, by a process once. */
class DoctorTest {
    @TempDir
    Path folder;

    @Test
    void shouldSayWhatTheMachineHas() throws Exception {
        try (TuttiProcess doctor = TuttiProcess.start(folder, "doctor")) {
            doctor.succeed();
            assertThat(doctor.lines())
                    .allMatch(line -> line.matches("(ok|warn) +\\S.*"))
                    .anyMatch(line -> line.matches("ok +Java +.*"))
                    .anyMatch(line -> line.matches("ok +libtorch +2\\..*"))
                    .anyMatch(line -> line.matches("ok +ND4J +.*"))
                    .anyMatch(line -> line.matches("\\S+ +/dev/shm +.* free of .*"))
                    .anyMatch(line -> line.matches("\\S+ +CUDA +.*"));
        }
    }

    @Test
    void shouldProveTheKernelsOfABackendAndPrintTheTable() {
        Called doctor = Called.tutti("doctor", "--selftest", "--backend", "torch", "--case", "rmsNorm");
        assertThat(doctor.code()).as(doctor.text()).isZero();
        assertThat(doctor.lines())
                .anyMatch(line -> line.matches("kernel +cases +torch F32 +torch BF16"))
                .anyMatch(line -> line.matches("rmsNorm +\\d+ +\\S+/6e-07 +\\S+/4e-03"))
                .anyMatch(line -> line.matches("rmsNormBackward +\\d+ +\\S+ +\\S+"))
                .anyMatch(line -> line.matches("all +\\d+ +passed +passed"))
                .anyMatch(line -> line.startsWith("UNSUPPORTED torch F64: "))
                .noneMatch(line -> line.startsWith("FAILED"));
    }

    @Test
    void shouldPrintOneJsonObject() throws Exception {
        Called doctor = Called.tutti("doctor", "--selftest", "--backend", "reference", "--case", "adamW", "--json");
        assertThat(doctor.code()).as(doctor.text()).isZero();
        JsonNode object = new ObjectMapper().readTree(doctor.out());
        assertThat(object.get("findings").findValuesAsText("subject")).contains("Java", "libtorch");
        assertThat(object.at("/selftest/failed").asInt(-1)).isZero();
        assertThat(object.at("/selftest/passed").asInt()).isPositive();
        JsonNode cell = object.at("/selftest/kernels/0");
        assertThat(List.of(cell.get("kernel").asText(), cell.get("backend").asText()))
                .isEqualTo(List.of("adamW", "reference"));
    }

    @Test
    void shouldNameWhatIsMissingForCuda() {
        Refusal.assertEnd(
                Called.tutti("doctor", "--selftest", "--device", "cuda"),
                Category.ENVIRONMENT,
                "--device cuda",
                "-Pcuda");
    }

    @Test
    void shouldNameTheBackendsThereAre() {
        Refusal.assertEnd(
                Called.tutti("doctor", "--selftest", "--backend", "tensorflow"),
                Category.USER,
                "--backend tensorflow",
                "torch",
                "reference",
                "all");
    }
}
