package tutti.test.arch;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaFieldAccess;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import tutti.common.config.Key;
import tutti.common.config.Keys;

/**
 * What every room must have, and what no code may do.
 *
 * <p>If one of these fails: the message names the class and the line. A wait is a queue, a latch or a timer with a deadline, never
 * a sleep; a thread gets a name that a stack dump can be read by; only the outermost main ends the process, everything else
 * throws a {@code TuttiException}.
 */
class HouseRulesTest {

    @Test
    void shouldHaveASignOnEveryDoor() {
        Set<Path> folders = Rooms.sources(Rooms.MODULES, "main").stream()
                .map(Path::getParent)
                .collect(Collectors.toSet());
        assertThat(folders).isNotEmpty().allMatch(folder -> Files.isRegularFile(folder.resolve("package-info.java")));
    }

    @Test
    void shouldNameEveryThread() {
        noClasses().should().callConstructor(Thread.class, Runnable.class).check(Rooms.CLASSES);
        noClasses().should().callConstructor(Thread.class).check(Rooms.CLASSES);
        noClasses()
                .should()
                .callConstructor(Thread.class, ThreadGroup.class, Runnable.class)
                .check(Rooms.CLASSES);
    }

    @Test
    void shouldEndTheProcessInOnePlaceOnly() {
        noClasses()
                .that()
                .doNotHaveFullyQualifiedName("tutti.deploy.Tutti")
                .should()
                .callMethod(System.class, "exit", int.class)
                .check(Rooms.CLASSES);
    }

    @Test
    void shouldNeverSleep() {
        noClasses().should().callMethod(Thread.class, "sleep", long.class).check(Rooms.CLASSES);
        noClasses()
                .should()
                .callMethod(Thread.class, "sleep", long.class, int.class)
                .check(Rooms.CLASSES);
        noClasses()
                .should()
                .callMethod(java.util.concurrent.TimeUnit.class, "sleep", long.class)
                .check(Rooms.CLASSES);
    }

    @Test
    void shouldNeverUseJavaSerialization() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .belongToAnyOf(ObjectInputStream.class, ObjectOutputStream.class)
                .check(Rooms.CLASSES);
    }

    /** Later versions stop the actor system after 15 minutes without a licence key. */
    @Test
    void shouldRunOnTheLastAkkaUnderApacheLicence() {
        assertThat(akka.Version.current()).isEqualTo("2.8.5");
    }

    @Test
    void shouldReadEverySetting() {
        Set<String> read = Rooms.CLASSES.stream()
                .filter(type -> !type.isEquivalentTo(Keys.class))
                .flatMap(type -> type.getFieldAccessesFromSelf().stream())
                .filter(access -> access.getTargetOwner().isEquivalentTo(Keys.class))
                .map(JavaFieldAccess::getName)
                .collect(Collectors.toSet());
        List<String> all = Arrays.stream(Keys.class.getFields())
                .filter(field -> field.getType() == Key.class)
                .map(java.lang.reflect.Field::getName)
                .toList();
        assertThat(all).isNotEmpty().allMatch(read::contains);
    }

    /** Surefire runs classes by their name: a misnamed one is never run, and nobody notices. */
    @Test
    void shouldNameEveryClassWithTestsSoThatItRuns() {
        List<String> modules =
                Stream.concat(Rooms.MODULES.stream(), Stream.of("src-test")).toList();
        assertThat(Rooms.sources(modules, "test"))
                .filteredOn(HouseRulesTest::holdsTestsOfItsOwn)
                .isNotEmpty()
                .allMatch(file -> file.getFileName().toString().endsWith("Test.java"));
    }

    @Test
    void shouldShareNothingThatChangesBetweenThreadsThroughStatics() {
        assertThat(Rooms.CLASSES.stream()
                        .flatMap((JavaClass type) -> type.getFields().stream())
                        .filter(field ->
                                field.getModifiers().contains(com.tngtech.archunit.core.domain.JavaModifier.STATIC))
                        .filter(field ->
                                !field.getModifiers().contains(com.tngtech.archunit.core.domain.JavaModifier.FINAL))
                        .map(Object::toString))
                .isEmpty();
    }

    private static boolean holdsTestsOfItsOwn(Path file) {
        try {
            String text = Files.readString(file);
            // Contracts are abstract; the classes that extend them carry the name.
            return text.lines()
                            .anyMatch(line ->
                                    line.strip().matches("@(Test|ParameterizedTest|RepeatedTest|TestFactory)\\b.*"))
                    && !text.contains("\nabstract class ")
                    && !text.contains("\npublic abstract class ");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
