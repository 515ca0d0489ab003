package tutti.test.arch;

import static org.assertj.core.api.Assertions.assertThat;

import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.javadsl.Adapter;
import akka.actor.typed.javadsl.Behaviors;
import akka.serialization.Serialization;
import akka.serialization.SerializationExtension;
import akka.serialization.Serializer;
import akka.serialization.SerializerWithStringManifest;
import com.tngtech.archunit.core.domain.JavaClass;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tutti.common.error.Category;
import tutti.common.protocol.ClusterConfig;
import tutti.common.protocol.GradientKey;
import tutti.common.protocol.Join;
import tutti.common.protocol.Peer;
import tutti.common.protocol.Presence;
import tutti.common.protocol.StepShard;
import tutti.common.protocol.WireMessage;
import tutti.common.protocol.WorkerCommand;
import tutti.common.protocol.WorkerReport;

/**
 * Every message survives the wire, and has a sender and a receiver.
 *
 * <p>If one of these fails: a new message needs an example in {@link #examples}; a field that does not come back needs a type that
 * Jackson can read without annotations; a message that nobody sends or hears should go.
 */
class ProtocolTest {
    private static ActorSystem<Void> system;

    @BeforeAll
    static void startSystem() {
        // The shipped settings, but on no network.
        Config alone = ConfigFactory.parseString("akka.actor.provider = local")
                .withFallback(ClusterConfig.coordinator("127.0.0.1", 0));
        system = ActorSystem.create(Behaviors.empty(), "protocol-test", alone);
    }

    @AfterAll
    static void stopSystem() throws Exception {
        system.terminate();
        system.getWhenTerminated().toCompletableFuture().get(1, TimeUnit.MINUTES);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("kinds")
    void shouldComeBackFromTheWireAsItWas(Class<?> kind) throws Exception {
        WireMessage message = example(kind);
        Serialization serialization = SerializationExtension.get(Adapter.toClassic(system));
        Serializer serializer = serialization.findSerializerFor(message);
        assertThat(serializer.getClass().getSimpleName()).isEqualTo("JacksonCborSerializer");
        String manifest = ((SerializerWithStringManifest) serializer).manifest(message);

        Object back = serialization
                .deserialize(serialization.serialize(message).get(), serializer.identifier(), manifest)
                .get();

        assertThat(back)
                .isInstanceOf(kind)
                .usingRecursiveComparison()
                .withEqualsForType(Object::equals, ActorRef.class)
                .withStrictTypeChecking()
                .isEqualTo(message);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("kinds")
    void shouldBeSentOnOneSideAndHeardOnTheOther(Class<?> kind) {
        String sender = WorkerCommand.class.isAssignableFrom(kind) ? "coordinator" : "worker";
        String receiver = sender.equals("worker") ? "coordinator" : "worker";
        assertThat(classes(sender))
                .as("%s is made in %s", kind.getSimpleName(), sender)
                .anyMatch(type -> Stream.concat(
                                type.getConstructorCallsFromSelf().stream(),
                                // by a static factory of the message
                                type.getMethodCallsFromSelf().stream()
                                        .filter(call -> call.getTarget()
                                                .getRawReturnType()
                                                .isEquivalentTo(kind)))
                        .anyMatch(call -> call.getTargetOwner().isEquivalentTo(kind)));
        assertThat(classes(receiver))
                .as("%s is heard in %s", kind.getSimpleName(), receiver)
                .anyMatch(type -> type.getInstanceofChecks().stream()
                                .anyMatch(check -> check.getRawType().isEquivalentTo(kind))
                        || type.getReferencedClassObjects().stream()
                                .anyMatch(object -> object.getRawType().isEquivalentTo(kind)));
    }

    /** Every message there is: what the sealed types permit, and the one that begins it all. */
    static Stream<Class<?>> kinds() {
        return Stream.concat(
                Stream.of(Join.class),
                Stream.of(WorkerCommand.class, WorkerReport.class)
                        .flatMap(family -> Arrays.stream(family.getPermittedSubclasses())));
    }

    private static WireMessage example(Class<?> kind) {
        return examples().stream()
                .filter(message -> message.getClass() == kind)
                .findFirst()
                .orElseThrow(
                        () -> new AssertionError("no example of " + kind.getSimpleName() + "; add one to examples()"));
    }

    private static List<WireMessage> examples() {
        ActorRef<WorkerCommand> worker = system.<WorkerCommand>unsafeUpcast().narrow();
        ActorRef<WorkerReport> run = system.<WorkerReport>unsafeUpcast().narrow();
        return List.of(
                new Presence(worker),
                new Join("0123456789abcdef", 1, 0, "10.0.0.7", 4711, "cpu", "10.0.0.7:40123", 3, 1L << 40, worker),
                new WorkerCommand.Assign(
                        "0123456789abcdef",
                        1,
                        1,
                        2,
                        List.of(new Peer(0, 0, "a", ""), new Peer(1, 1, "b", "10.0.0.7:40123")),
                        "/out/checkpoint-8",
                        -1,
                        Optional.of(GradientKey.random()),
                        run),
                new WorkerCommand.Begin(1, 8, 1L << 40, OptionalDouble.empty(), OptionalDouble.of(2)),
                new WorkerCommand.Begin(1, 8, 1L << 40, OptionalDouble.of(0.5), OptionalDouble.empty()),
                new WorkerCommand.Hold(1),
                new WorkerCommand.StandBy(2),
                new WorkerCommand.NotKnown(),
                new WorkerCommand.StopHung(1, 4711),
                new WorkerCommand.Lease(
                        1,
                        3,
                        List.of(
                                new StepShard(8, new int[][] {{3, 1, 2}, {}}, 0.5),
                                new StepShard(9, new int[][] {{}, {7}}, 1)),
                        true,
                        false),
                new WorkerCommand.Finish(1, "/out/checkpoint-8"),
                WorkerCommand.Leave.failed(tutti.common.error.Category.NUMERIC, "step 3: \"ü\""),
                new WorkerReport.Loading(1, 2, "tokenising sample 1,000, data.jsonl:1000"),
                new WorkerReport.Ready(1, 1, 16, 1235, "ab12", 260_032, 8, 1L << 35, List.of("one", "two")),
                new WorkerReport.Holding(1, 1, "forward of step 3", 1L << 40),
                new WorkerReport.Held(1, 1, 8),
                new WorkerReport.StepDone(
                        1,
                        1,
                        8,
                        Math.PI,
                        207,
                        300,
                        1e-300,
                        3.0153689607045842E-5,
                        new WorkerReport.StepTimes(1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5),
                        new WorkerReport.StepWire(
                                1.5,
                                1L << 33,
                                1L << 34,
                                2.5,
                                3,
                                4,
                                Map.of("duplicate", 0L, "bad_checksum", 1L << 35),
                                List.of(new WorkerReport.BucketTimes(7, 3.5, 4.5))),
                        1L << 34,
                        "grad norm is NaN"),
                new WorkerReport.PartWritten(
                        1, 1, 8, List.of(new WorkerReport.WrittenFile("model.safetensors", 1L << 33, "ab"))),
                new WorkerReport.PartFailed(1, 1, 8, "no space left"),
                new WorkerReport.Evaluated(
                        1,
                        1,
                        8,
                        0.5,
                        Math.PI,
                        207,
                        16,
                        -1,
                        0,
                        12.5,
                        List.of(new WorkerReport.SampleAnswer("Who \"are\" you?", "I am\nT\u00fctti"))),
                new WorkerReport.Preempted(1, 1),
                new WorkerReport.Stalled(1, 1, "waits for rank 0"),
                new WorkerReport.Finished(1, 1, 12, "ab12", 1L << 35),
                new WorkerReport.Nonfinite(1, 1, 1L << 40, "grad norm is NaN"),
                new WorkerReport.Failed(1, 1, Category.NUMERIC, "step 3: NaN"));
    }

    private static Set<JavaClass> classes(String module) {
        return Rooms.CLASSES.stream()
                .filter(type -> Rooms.module(type).equals(module))
                .collect(Collectors.toSet());
    }
}
