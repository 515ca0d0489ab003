package tutti.test.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import tutti.common.checkpoint.Checkpoints;
import tutti.common.checkpoint.Manifest;
import tutti.common.config.OutputConfig;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.coordinator.ledger.Past;
import tutti.coordinator.run.ResumePoint;
import tutti.coordinator.run.Terminal;
import tutti.test.storage.SavedRank.Held;
import tutti.test.support.FailingDisk;
import tutti.test.support.FailingDisk.Fault;
import tutti.test.support.FailingDisk.Kind;
import tutti.test.support.FailingDisk.Operation;
import tutti.test.support.Soak;

/**
 * A disk fails at one operation of a save, then of another at the next, until every kind of operation on every file has had its turn:
 * none may cost what was saved before, pass for a checkpoint that it is not, be kept quiet, or leave something for good. The same for
 * reading. The faults share the operations; where {@link Soak} is wanted each of them strikes every one.
 */
@Timeout(240)
class StorageFaultTest {
    @TempDir
    Path temp;

    private final FailingDisk disk = new FailingDisk();
    private final Set<Kind> kinds = EnumSet.noneOf(Kind.class);
    private Path real;
    private Path output;
    private SavedRank rank;

    @BeforeEach
    void makeAModel() throws IOException {
        Path source = Files.createDirectory(temp.resolve("model"));
        Files.writeString(source.resolve("config.json"), "{}");
        Files.writeString(source.resolve("tokenizer.json"), "{\"version\":\"1.0\"}");
        real = Files.createDirectory(temp.resolve("output"));
        output = disk.at(real);
        rank = new SavedRank(disk.at(source));
    }

    @AfterEach
    void close() {
        rank.close();
    }

    @ParameterizedTest
    @EnumSource
    void shouldSaveAllOrNothingAndSaveTheNextOne(Fault fault) throws IOException {
        Held older = save(1, 1);
        Held newer = rank.train(2, 2);
        Preparation anew = () -> {
            delete("checkpoint-3", "checkpoint-2");
            rank.train(2, 2);
        };
        everywhere(fault, anew, () -> rank.save(output, 2), struck -> {
            assertThat(Manifest.verify(real.resolve("checkpoint-1")).problems()).isEmpty();
            Held found = resume().held();
            if (struck.failure().isEmpty()) {
                assertThat(struck.operation().path())
                        .as("removed later")
                        .asString()
                        .contains(".old");
                assertThat(found).isEqualTo(newer);
            } else if (fault == Fault.ONCE) {
                assertThat(found).isEqualTo(older);
            } else {
                assertThat(found).isIn(older, newer);
            }
            Held next = save(3, 3);
            assertThat(resume().held()).isEqualTo(next);
        });
        assertThat(kinds).containsAll(EnumSet.complementOf(EnumSet.of(Kind.DELETE)));
    }

    /** A step that is done again after a roll-back. */
    @ParameterizedTest
    @EnumSource
    void shouldReplaceACheckpointOrKeepIt(Fault fault) throws IOException {
        Held older = save(1, 1);
        Held newer = rank.train(1, 2);
        Preparation anew = () -> {
            assertThat(save(1, 1)).isEqualTo(older);
            rank.train(1, 2);
        };
        everywhere(fault, anew, () -> rank.save(output, 1), struck -> {
            Held found = resume().held();
            if (struck.failure().isEmpty()) {
                assertThat(struck.operation().path())
                        .as("removed later")
                        .asString()
                        .contains(".old");
                assertThat(found).isEqualTo(newer);
            } else if (fault == Fault.ONCE) {
                assertThat(found).isEqualTo(older);
            } else {
                assertThat(found).isIn(older, newer);
            }
        });
        assertThat(kinds).containsAll(EnumSet.allOf(Kind.class));
    }

    @ParameterizedTest
    @EnumSource
    void shouldPruneAndSweepWithoutLoss(Fault fault) throws IOException {
        Held newest = save(3, 3);
        Check check = struck -> {
            assertThat(struck.failure()).isPresent();
            assertThat(resume().held()).isEqualTo(newest);
        };
        Preparation older = () -> {
            save(1, 1);
            save(2, 2);
        };
        everywhere(fault, older, () -> Checkpoints.prune(output, 3, 1, OptionalLong.empty()), check);
        everywhere(fault, this::leaveOver, () -> Checkpoints.sweep(output), check);
    }

    /** What crashes leave of the checkpoints 1, 3 and 4. */
    private void leaveOver() throws IOException {
        for (String left : List.of(".checkpoint-1.trash", ".checkpoint-4.partial")) {
            Files.writeString(Files.createDirectories(real.resolve(left)).resolve("weights"), "torn");
        }
        if (Files.exists(real.resolve("checkpoint-3"))) {
            Files.move(real.resolve("checkpoint-3"), real.resolve(".checkpoint-3.old"));
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldReadWhatWasSavedOrSayWhyNot(Fault fault) throws IOException {
        Held older = save(1, 1);
        Held newer = save(2, 2);
        Found[] found = {null};
        everywhere(fault, () -> found[0] = null, () -> found[0] = resume(), struck -> {
            if (struck.failure().isEmpty()) {
                assertThat(fault).as("nothing can be read").isNotEqualTo(Fault.ONWARDS);
                assertThat(found[0].held()).isEqualTo(older);
                assertThat(found[0].said()).contains("passed over", "checkpoint-2", struck.why());
            }
        });
        assertThat(resume().held()).isEqualTo(newer);
        assertThat(kinds).contains(Kind.LOOK, Kind.LIST, Kind.OPEN, Kind.READ, Kind.SIZE);
    }

    /** A coordinator that starts again takes no older commit for the last. */
    @ParameterizedTest
    @EnumSource
    void shouldGoOnBehindTheLastCommitOrSayWhyNot(Fault fault) throws IOException {
        save(1, 1);
        save(2, 2);
        Path last = output.resolve("checkpoint-2");
        Past past = new Past("", List.of(last, output.resolve("checkpoint-1")), 1, 1, List.of(), 0, 0, 0, 0, List.of());
        everywhere(
                fault,
                () -> {},
                () -> assertThat(ResumePoint.lastCommit(past)).isEqualTo(last.toString()),
                struck -> assertThat(struck.failure()).isPresent());
        assertThat(kinds).contains(Kind.LOOK, Kind.OPEN, Kind.READ);
    }

    @ParameterizedTest
    @EnumSource
    void shouldReplaceTheFinalModelOrKeepIt(Fault fault) throws IOException {
        String older = rank.train(1, 1).weights();
        rank.saveFinal(output);
        String newer = rank.train(2, 2).weights();
        Preparation anew = () -> {
            rank.train(1, 1);
            rank.saveFinal(output);
            assertThat(names()).containsExactly("config.json", "model.safetensors", "tokenizer.json");
            assertThat(rank.readFinal(real)).isEqualTo(older);
            rank.train(2, 2);
        };
        everywhere(fault, anew, () -> rank.saveFinal(output), struck -> {
            assertThat(struck.failure()).isPresent();
            String found = rank.readFinal(real);
            assertThat(found).isIn(older, newer);
            if (fault == Fault.ONCE) {
                assertThat(real.resolve(".model.safetensors.partial")).doesNotExist();
            }
        });
        rank.saveFinal(output);
        assertThat(rank.readFinal(real)).isEqualTo(newer);
    }

    /** @param failure empty where the work was done all the same */
    private record Struck(Operation operation, String why, Optional<TuttiException> failure) {}

    private interface Check {
        void after(Struck struck) throws IOException;
    }

    /** Whatever failed before. */
    private interface Preparation {
        void run() throws IOException;
    }

    /** Lets the work fail at its operations, one at a time; and before that, at none. Ends prepared. */
    private void everywhere(Fault fault, Preparation prepare, Runnable work, Check check) throws IOException {
        prepare.run();
        disk.heal();
        work.run();
        List<Operation> operations = disk.operations();
        operations.forEach(operation -> kinds.add(operation.kind()));
        prepare.run();
        List<Integer> all = IntStream.range(0, operations.size()).boxed().toList();
        for (int at : Soak.wanted() ? all : some(operations, fault)) {
            String why = at % 2 == 0 ? "Input/output error" : "No space left on device";
            disk.failAt(at, fault, why);
            Optional<TuttiException> failure = failure(work);
            Optional<Operation> struck = disk.struck();
            disk.heal();
            Operation operation = operations.get(at);
            try {
                assertThat(disk.open()).as("left open").isEmpty();
                assertThat(struck).contains(operation);
                failure.ifPresent(told -> assertTold(told, operation, why));
                check.after(new Struck(operation, why, failure));
                assertThat(names()).noneMatch(name -> name.startsWith(".checkpoint"));
            } catch (AssertionError e) {
                throw new AssertionError("%s, %d: %s, %s".formatted(fault, at, operation, failure), e);
            }
            prepare.run();
        }
    }

    /** Of each kind on each name the first; and of all these of a kind, every third: each fault has others. */
    private static List<Integer> some(List<Operation> operations, Fault fault) {
        Set<Operation> seen = new HashSet<>();
        Map<Kind, Integer> count = new EnumMap<>(Kind.class);
        List<Integer> some = new ArrayList<>();
        for (int at = 0; at < operations.size(); at++) {
            Operation operation = operations.get(at);
            if (seen.add(new Operation(operation.kind(), operation.path().getFileName()))
                    && count.merge(operation.kind(), 1, Integer::sum) % Fault.values().length == fault.ordinal()) {
                some.add(at);
            }
        }
        return some;
    }

    private static Optional<TuttiException> failure(Runnable work) {
        try {
            work.run();
            return Optional.empty();
        } catch (TuttiException e) {
            return Optional.of(e);
        }
    }

    private static void assertTold(TuttiException told, Operation operation, String why) {
        assertThat(told.category()).isEqualTo(Category.ENVIRONMENT);
        assertThat(told.getMessage()).contains(why, place(operation.path()));
    }

    /** Of a checkpoint its name, of anything else the file's. */
    private static String place(Path path) {
        return path.toString().replaceFirst(".*/\\.?(checkpoint-\\d+).*|.*/", "$1");
    }

    private record Found(Held held, String said) {}

    private Held save(long step, long seed) {
        Held held = rank.train(step, seed);
        rank.save(output, step);
        return held;
    }

    /** As a coordinator that starts, and then its worker. */
    private Found resume() {
        Checkpoints.sweep(output);
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        Terminal terminal = new Terminal(new PrintStream(said, true, StandardCharsets.UTF_8), false, 80, () -> 0);
        String folder = ResumePoint.find(
                new OutputConfig(output, false, OutputConfig.SaveStrategy.STEPS, 1, 0, 0, true, "true", 1), terminal);
        return new Found(rank.read(disk.at(Path.of(folder))), said.toString(StandardCharsets.UTF_8));
    }

    private List<String> names() throws IOException {
        try (Stream<Path> list = Files.list(real)) {
            return list.map(path -> path.getFileName().toString()).sorted().toList();
        }
    }

    private void delete(String... folders) throws IOException {
        for (String folder : folders) {
            if (Files.exists(real.resolve(folder))) {
                try (Stream<Path> files = Files.list(real.resolve(folder))) {
                    for (Path file : files.toList()) {
                        Files.delete(file);
                    }
                }
                Files.delete(real.resolve(folder));
            }
        }
    }
}
