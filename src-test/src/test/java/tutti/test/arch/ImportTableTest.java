package tutti.test.arch;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Who may import whom.
 *
 * <p>If one of these fails: the message names the class, the line and what it imports. A room that needs something from a room
 * below it usually holds too much, or wants a value or an interface handed in from there. A new package must be put into {@link
 * Rooms#IN_ORDER} at the place where a newcomer should read it.
 */
class ImportTableTest {

    @Test
    void shouldKnowEveryRoomAndHaveNoEmptyOne() {
        Set<String> found = new TreeSet<>();
        Rooms.CLASSES.forEach(type -> found.add(type.getPackageName()));
        assertThat(found).containsExactlyInAnyOrderElementsOf(Rooms.IN_ORDER);
    }

    @Test
    void shouldImportRoomsAboveOnly() {
        assertThat(ours().filter(d -> module(d.getOriginClass()).equals(module(d.getTargetClass())))
                        .filter(d -> place(d.getTargetClass()) > place(d.getOriginClass()))
                        .map(Dependency::getDescription))
                .isEmpty();
    }

    @Test
    void shouldKeepWorkerAndCoordinatorApartAndDeployUnknownToAll() {
        assertThat(ours().filter(d -> !isAllowed(module(d.getOriginClass()), module(d.getTargetClass())))
                        .map(Dependency::getDescription))
                .isEmpty();
    }

    /** Each library has rooms of its own, so that it can be changed or left out. */
    @ParameterizedTest(name = "{0} only in {1}")
    @CsvSource({
        "org.bytedeco, tutti\\.worker\\.tensor\\.(torch|nd4j)",
        "org.nd4j, tutti\\.worker\\.tensor\\.nd4j",
        "io.aeron, tutti\\.worker\\.allreduce\\.aeron|tutti\\.deploy\\.agent",
        "org.agrona, tutti\\.worker\\.allreduce(\\.aeron)?|tutti\\.deploy\\.agent",
        "java.sql, tutti\\.coordinator\\.ledger",
        "org.h2, tutti\\.coordinator\\.ledger",
        "io.netty, tutti\\.coordinator\\.console",
        "picocli, tutti\\.deploy",
        "ai.djl, tutti\\.common\\.token",
        "org.apache.parquet, tutti\\.common\\.dataset",
        "io.airlift, tutti\\.common\\.dataset",
    })
    void shouldKeepALibraryInItsRooms(String library, String rooms) {
        noClasses()
                .that()
                .resideInAnyPackage("tutti..")
                .and(new com.tngtech.archunit.base.DescribedPredicate<>("are outside " + rooms) {
                    @Override
                    public boolean test(JavaClass type) {
                        return !type.getPackageName().matches(rooms);
                    }
                })
                .should()
                .dependOnClassesThat()
                .resideInAPackage(library + "..")
                .check(Rooms.CLASSES);
    }

    @Test
    void shouldMeetAkkaOnlyWhereActorsAre() {
        String actors = "tutti\\.common\\.protocol\\..*|tutti\\.worker\\.agent\\..*|tutti\\.worker\\.WorkerMain"
                + "|tutti\\.coordinator\\.(plan|membership|run)\\..*|tutti\\.coordinator\\.CoordinatorMain";
        assertThat(dependencies()
                        .filter(d -> d.getTargetClass().getPackageName().matches("akka(\\..*)?"))
                        .filter(d -> !d.getOriginClass().getName().matches(actors))
                        .map(Dependency::getDescription))
                .isEmpty();
    }

    private static Stream<Dependency> ours() {
        return dependencies().filter(d -> Rooms.isOurs(d.getTargetClass()));
    }

    private static Stream<Dependency> dependencies() {
        return Rooms.CLASSES.stream().flatMap(type -> type.getDirectDependenciesFromSelf().stream());
    }

    private static boolean isAllowed(String from, String to) {
        return switch (from) {
            case "common" -> to.equals("common");
            case "worker" -> to.equals("common") || to.equals("worker");
            case "coordinator" -> to.equals("common") || to.equals("coordinator");
            default -> true;
        };
    }

    private static String module(JavaClass type) {
        return Rooms.module(type);
    }

    private static int place(JavaClass type) {
        return Rooms.IN_ORDER.indexOf(type.getPackageName());
    }
}
