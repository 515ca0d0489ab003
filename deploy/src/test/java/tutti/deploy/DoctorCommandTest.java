package tutti.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.deploy.doctor.Finding;
import tutti.deploy.doctor.Finding.Level;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.contract.ContractResult;
import tutti.worker.tensor.contract.ContractResult.Verdict;
import tutti.worker.tensor.contract.ContractTable;

class DoctorCommandTest {
    private static final Finding FINE = new Finding(Level.OK, "cores", "2", "");
    private static final Finding TIGHT = new Finding(Level.WARN, "memory", "1 GiB", "buy some");
    private static final Finding GONE = new Finding(Level.MISSING, "/dev/shm", "not there", "mount it");

    @Test
    void shouldEndWellUnlessSomethingIsMissing() {
        assertThat(DoctorCommand.verdict(List.of(FINE, TIGHT), null)).isZero();
        assertThat(DoctorCommand.verdict(List.of(FINE, GONE), null)).isEqualTo(Category.ENVIRONMENT.exitCode());
    }

    @Test
    void shouldEndWellWhenWhatIsNotSupportedIsNamed() {
        ContractTable table = new ContractTable(List.of(result(Verdict.PASSED), result(Verdict.UNSUPPORTED)));
        assertThat(DoctorCommand.verdict(List.of(FINE), table)).isZero();
    }

    @Test
    void shouldFailForTheMachineWhenACaseFails() {
        ContractTable table = new ContractTable(List.of(result(Verdict.PASSED), result(Verdict.FAILED)));
        assertThatThrownBy(() -> DoctorCommand.verdict(List.of(FINE), table))
                .isInstanceOfSatisfying(
                        TuttiException.class,
                        failure -> assertThat(failure.category()).isEqualTo(Category.ENVIRONMENT))
                .hasMessageContaining("failed=1 of 2");
        assertThat(table.lines()).contains("FAILED torch F32 | matmul | rows=1: out: error=1, allowed=0");
        assertThat(table.lines()).anyMatch(line -> line.startsWith("matmul") && line.endsWith("1 FAILED"));
    }

    private static ContractResult result(Verdict verdict) {
        String message = verdict == Verdict.PASSED ? "" : "out: error=1, allowed=0";
        return new ContractResult("matmul", "rows=1", "torch", DType.F32, 0, 0, verdict, message);
    }
}
