package tutti.worker.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import tutti.worker.train.Progress;

class LoadingReportsTest {

    @Test
    void shouldTellTheCoordinatorNowAndThenAndBeatAlways() {
        AtomicLong clock = new AtomicLong();
        Progress progress = new Progress(clock::get);
        List<String> told = new ArrayList<>();
        LoadingReports reports = new LoadingReports(progress, clock::get, told::add);
        for (int second = 1; second <= 45; second++) {
            clock.set(TimeUnit.SECONDS.toNanos(second));
            reports.accept("second " + second);
            assertThat(progress.doing()).isEqualTo("second " + second);
            assertThat(progress.still()).isZero();
        }
        assertThat(told).containsExactly("second 20", "second 40");
    }
}
