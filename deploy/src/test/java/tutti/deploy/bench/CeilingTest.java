package tutti.deploy.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.ReferenceKernels;

class CeilingTest {
    private static final Timing ONCE = new Timing(System::nanoTime, 0, 1, 1);

    @Test
    void shouldAddUpTheWorkers() {
        assertThat(new Ceiling(ReferenceKernels::new, DType.F64, 2, ONCE).gflops())
                .isPositive();
    }

    /** Well below the deadline of those that wait at the barrier. */
    @Test
    @Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void shouldNameTheWorkerThatFailedAndNotThoseThatWaitForIt() {
        assertThatIllegalStateException()
                .isThrownBy(() -> new Ceiling(CeilingTest::openFirstOnly, DType.F64, 2, ONCE).gflops())
                .withMessageContaining("no such device");
    }

    private static Kernels openFirstOnly() {
        if (!Thread.currentThread().getName().equals("tutti-ceiling-0")) {
            throw new IllegalArgumentException("no such device");
        }
        return new ReferenceKernels();
    }
}
