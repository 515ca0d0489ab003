package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.common.error.Category;
import tutti.coordinator.console.Browser;
import tutti.test.support.Shared;
import tutti.test.support.TrainSpec;

/** The console of a run in a real browser; leaves {@code target/console-run.png} to look at. */
class ConsoleRunTest {
    private static final String POINTS = "Number(document.body.dataset.points)";

    @TempDir
    Path folder;

    @Test
    void shouldFollowARunAndShowItsWorkers() throws Exception {
        Optional<Path> chromium = Browser.installed();
        Assumptions.assumeTrue(chromium.isPresent(), "skipped: no chromium on PATH: apt-get install chromium");
        try (TuttiProcess run = TuttiProcess.run(folder, flags())) {
            String url = run.awaitLine("^console: (http://\\S+)").group(1);
            run.awaitLine("^step \\d+/");
            try (Browser browser = new Browser(chromium.get())) {
                browser.open(url);
                browser.waitUntil(POINTS + " > 0", TuttiProcess.LONG);
                int points = browser.evaluate(POINTS).asInt();
                browser.waitUntil(POINTS + " > " + points, TuttiProcess.LONG);
                browser.waitUntil("document.querySelectorAll('#workers tbody tr').length === 2", TuttiProcess.LONG);
                browser.screenshot(Path.of("target", "console-run.png"));
                assertThat(browser.problems()).isEmpty();
            }
            assertMetrics(get(url, "/metrics"));
            assertThat(get(url, "/healthz")).isNotBlank();
            assertThat(get(url, "/readyz")).isNotBlank();
            run.signal("TERM");
            assertThat(run.exitCode()).as(run::text).isEqualTo(Category.PREEMPTED.exitCode());
            run.assertLeftNothing();
        }
    }

    /** Of two ranks that share memory: no frame carries a gradient, yet bytes move. */
    private static void assertMetrics(String text) {
        for (String positive : List.of(
                "tutti_allreduce_time_seconds_sum",
                "tutti_allreduce_exposed_seconds_sum",
                "tutti_allreduce_bucket_time_seconds_sum{bucket=\"0\"}",
                "tutti_allreduce_bucket_exposed_seconds_sum{bucket=\"0\"}",
                "tutti_allreduce_bus_bandwidth_bytes_per_second",
                "tutti_allreduce_sent_bytes_total")) {
            assertThat(value(text, positive)).as(positive).isPositive();
        }
        for (String none : List.of(
                "tutti_allreduce_retransmits_total", "tutti_allreduce_dropped_frames_total{kind=\"bad_checksum\"}")) {
            assertThat(value(text, none)).as(none).isZero();
        }
        assertThat(value(text, "tutti_allreduce_back_pressure_offers_total")).isNotNegative();
    }

    private static double value(String text, String name) {
        return text.lines()
                .filter(line -> line.startsWith(name + " "))
                .mapToDouble(line -> Double.parseDouble(line.substring(name.length())))
                .findFirst()
                .orElseThrow(() -> new AssertionError("no " + name + " in\n" + text));
    }

    /** A body that came with code 200. */
    private static String get(String url, String path) throws Exception {
        URI page = URI.create(url);
        String token = page.getQuery().replaceFirst("^token=", "");
        HttpResponse<String> answer = HttpClient.newHttpClient()
                .send(
                        HttpRequest.newBuilder(page.resolve(path))
                                .header("Authorization", "Bearer " + token)
                                .timeout(TuttiProcess.LONG)
                                .build(),
                        HttpResponse.BodyHandlers.ofString());
        assertThat(answer.statusCode()).as(path).isEqualTo(200);
        return answer.body();
    }

    private Map<String, String> flags() {
        Map<String, String> flags = new LinkedHashMap<>();
        flags.put("nproc_per_node", "2");
        flags.put("model_name_or_path", TrainSpec.model().toString());
        flags.put("data_path", Shared.path("data/dummy_conversation.json").toString());
        flags.put("output_dir", folder.resolve("out").toString());
        flags.put("per_device_train_batch_size", "2");
        flags.put("max_steps", "1000000");
        return flags;
    }
}
