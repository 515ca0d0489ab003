package tutti.coordinator.console;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import tutti.coordinator.run.RunState;
import tutti.coordinator.run.Sample;
import tutti.coordinator.run.StatusBoard;

/** The page in a real browser; leaves {@code target/console-*.png} to look at. */
class ConsolePageTest {
    private static final Duration SOON = Duration.ofSeconds(30);
    private static final Path TARGET = Path.of("target");

    private final StatusBoard board = new StatusBoard(Sample.forming());
    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);

    @Test
    void shouldDrawTheRunFollowItAndComeBackAfterALostConnection() throws Exception {
        Optional<Path> chromium = Browser.installed();
        Assumptions.assumeTrue(chromium.isPresent(), "no chromium on PATH: apt-get install chromium");
        String token = ConsoleOptions.newToken();
        ConsoleServer server =
                ConsoleServer.start(new ConsoleOptions("127.0.0.1", 0, token), board, registry, () -> {});
        int port = server.port();
        publish(1, 400);
        try (Browser browser = new Browser(chromium.get())) {
            browser.open(server.url());
            browser.waitUntil("document.body.dataset.points === '400'", SOON);
            assertThat(browser.evaluate("location.search").asText())
                    .as("the token leaves the address bar")
                    .isEmpty();

            publish(401, 700);
            browser.waitUntil("document.body.dataset.points === '700'", SOON);
            browser.waitUntil("document.querySelector('header .facts').innerText.includes('700 of 1,200 steps')", SOON);
            assertThat(browser.evaluate("document.querySelectorAll('#workers tbody tr').length")
                            .asInt())
                    .isEqualTo(4);
            assertThat(browser.evaluate("document.querySelector('#workers tr[data-slowest] th').innerText")
                            .asText())
                    .isEqualTo("2");
            assertThat(browser.evaluate("document.querySelectorAll('.plot canvas').length")
                            .asInt())
                    .isEqualTo(4);
            browser.dark(false);
            browser.screenshot(TARGET.resolve("console-light.png"));
            browser.dark(true);
            browser.evaluate("document.getElementById('log').click()");
            browser.screenshot(TARGET.resolve("console-dark.png"));
            browser.resize(390, 844);
            browser.screenshot(TARGET.resolve("console-phone.png"));
            assertThat(browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
                            .asBoolean())
                    .as("nothing sticks out on a phone")
                    .isTrue();
            browser.resize(1280, 800);
            assertThat(browser.problems()).isEmpty();

            server.close();
            browser.waitUntil("document.querySelector('.link').dataset.link === 'lost'", SOON);
            publish(701, 720);
            server = ConsoleServer.start(new ConsoleOptions("127.0.0.1", port, token), board, registry, () -> {});
            browser.waitUntil("document.body.dataset.points === '720'", SOON);
            browser.waitUntil("document.querySelector('.link').dataset.link === 'live'", SOON);

            publish(721, Sample.TOTAL_STEPS);
            board.publish(Sample.training(Sample.TOTAL_STEPS).withState(RunState.DONE, "1,200 steps in 8 min 26 s."));
            browser.waitUntil("document.body.innerText.includes('The run is done.')", SOON);
            browser.waitUntil("document.body.dataset.points === '1200'", SOON);
            browser.dark(false);
            browser.screenshot(TARGET.resolve("console-done.png"));

            board.publish(Sample.notFinite(Sample.TOTAL_STEPS + 1));
            board.publish(board.status().withState(RunState.FAILED, "step 1201: the loss is NaN on rank 2"));
            browser.waitUntil("document.body.innerText.includes('the loss is NaN on rank 2')", SOON);
            browser.waitUntil("document.body.dataset.points === '1201'", SOON);
            assertThat(browser.evaluate("document.querySelector('.tile strong').innerText")
                            .asText())
                    .isEqualTo("not finite");
            browser.screenshot(TARGET.resolve("console-failed.png"));
        } finally {
            server.close();
        }
    }

    private void publish(long from, long to) {
        for (long step = from; step <= to; step++) {
            board.publish(Sample.step(step));
        }
        board.publish(Sample.training(to));
    }
}
