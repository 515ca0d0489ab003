package tutti.deploy.agent;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * A child that does what its words say, one after the other: {@code say:TEXT} (underscores are blanks), {@code raw:TEXT} (no
 * line end), {@code env:NAME}, {@code sleep:MILLIS}, {@code after:CHILD} (is up), {@code stubborn} (does not end on SIGTERM), {@code wait}, {@code
 * told} (waits until it is to make room), {@code exit:CODE}. Leaves its pid in the folder that the environment names.
 */
final class FakeChild {
    /** No fake outlives a test by more. */
    private static final long LONGEST_SECONDS = 40;

    private static final CountDownLatch TOLD = new CountDownLatch(1);

    private FakeChild() {}

    /** @param args the words of the coordinator, then those of each worker, one argument each */
    public static void main(String[] args) throws Exception {
        String rank = System.getenv("RANK");
        String name = rank == null ? "coordinator" : "rank-" + rank;
        ParentWatch.start(Path.of(System.getenv("TUTTI_AERON_DIR")), TOLD::countDown, () -> {}, () -> {});
        List<String> words =
                List.of(args[rank == null ? 0 : 1 + Integer.parseInt(System.getenv("LOCAL_RANK"))].split(" "));
        if (words.contains("stubborn")) {
            Runtime.getRuntime().addShutdownHook(new Thread(() -> pause(LONGEST_SECONDS * 1000), "stubborn"));
        }
        Path pids = Path.of(System.getenv("FAKE_PIDS"));
        Path half = pids.resolve(name + ".half");
        Files.writeString(half, Long.toString(ProcessHandle.current().pid()));
        Files.move(half, pids.resolve(name));
        words.forEach(FakeChild::act);
    }

    private static void act(String word) {
        String[] parts = word.split(":", 2);
        switch (parts[0]) {
            case "say" -> System.out.println(parts[1].replace('_', ' '));
            case "raw" -> System.out.print(parts[1].replace("CR", "\r"));
            case "env" -> System.out.println(parts[1] + "=" + System.getenv(parts[1]));
            case "sleep" -> pause(Long.parseLong(parts[1]));
            case "after" -> pauseUntil(Path.of(System.getenv("FAKE_PIDS"), parts[1]));
            case "stubborn" -> System.out.println("will not end");
            case "told" -> pause(TOLD, LONGEST_SECONDS * 1000);
            case "wait" -> pause(LONGEST_SECONDS * 1000);
            case "exit" -> System.exit(Integer.parseInt(parts[1]));
            default -> throw new IllegalArgumentException(word);
        }
        System.out.flush();
    }

    private static void pauseUntil(Path exists) {
        for (long waited = 0; !Files.exists(exists) && waited < LONGEST_SECONDS * 1000; waited += 20) {
            pause(20);
        }
    }

    private static void pause(long millis) {
        pause(new CountDownLatch(1), millis);
    }

    private static void pause(CountDownLatch latch, long millis) {
        try {
            latch.await(millis, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
