package tutti.coordinator.simulation;

import akka.actor.BootstrapSetup;
import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorRefResolver;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Adapter;
import akka.actor.typed.javadsl.Behaviors;
import akka.dispatch.ExecutionContexts;
import akka.dispatch.Mailbox;
import com.typesafe.config.ConfigFactory;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/**
 * Real actors of which none does anything but in {@link #step}, on the caller's thread: one message of one actor. Who has something to
 * do is known by its path, so that a seed alone decides whose turn it is.
 */
final class SteppedActors implements AutoCloseable {
    private static final String ROOT = "/user";

    private final TreeMap<String, Runnable> ready = new TreeMap<>();
    /** Actors of processes that were killed: they do nothing any more, not even end. */
    private final Set<String> frozen = new HashSet<>();

    private final Map<String, Runnable> parked = new HashMap<>();
    private final ActorSystem<Job> system;
    /** Of Akka's own start alone. */
    private Optional<ExecutorService> start = Optional.of(Executors.newSingleThreadExecutor());

    private interface Job {
        void run(ActorContext<Job> root);
    }

    SteppedActors() throws Exception {
        CompletableFuture<Void> up = new CompletableFuture<>();
        Behavior<Job> root = Behaviors.setup(context -> {
            up.complete(null);
            return Behaviors.receiveMessage(job -> {
                job.run(context);
                return Behaviors.same();
            });
        });
        BootstrapSetup setup = BootstrapSetup.create(ConfigFactory.parseMap(Map.of(
                                "akka.scheduler.implementation",
                                SteppedScheduler.class.getName(),
                                "akka.actor.default-dispatcher.throughput",
                                1,
                                "akka.actor.provider",
                                "local",
                                "akka.loglevel",
                                "ERROR",
                                "akka.log-dead-letters",
                                "off"))
                        .withFallback(ConfigFactory.load()))
                .withDefaultExecutionContext(ExecutionContexts.fromExecutor(this::execute));
        system = ActorSystem.create(root, "simulation", setup);
        up.get(30, TimeUnit.SECONDS);
        ExecutorService starter = start.orElseThrow();
        synchronized (this) {
            start = Optional.empty();
        }
        starter.shutdown();
        starter.awaitTermination(30, TimeUnit.SECONDS);
    }

    private synchronized void execute(Runnable task) {
        if (start.isPresent()) {
            start.get().execute(task);
        } else if (task instanceof Mailbox mailbox) {
            String path = mailbox.actor().self().path().toStringWithoutAddress();
            boolean gone = frozen.stream().anyMatch(dead -> path.equals(dead) || path.startsWith(dead + "/"));
            (gone ? parked : ready).put(path, task);
        } else {
            throw new IllegalStateException("no actor's: " + task);
        }
    }

    SteppedScheduler timers() {
        return (SteppedScheduler) Adapter.toClassic(system).scheduler();
    }

    /** Its children are there when this returns. */
    <T> ActorRef<T> spawn(Behavior<T> behavior, String name) {
        CompletableFuture<ActorRef<T>> spawned = new CompletableFuture<>();
        now(root -> spawned.complete(root.spawn(behavior, name)));
        run(ROOT + "/" + name);
        return spawned.join();
    }

    <T> ActorRef<T> child(ActorRef<?> parent, String name) {
        return ActorRefResolver.get(system).resolveActorRef(parent.path() + "/" + name);
    }

    void stop(ActorRef<?> actor) {
        now(root -> root.stop(actor));
    }

    private void now(Job job) {
        system.tell(job);
        run(ROOT);
    }

    private void run(String path) {
        for (Runnable task = ready.remove(path); task != null; task = ready.remove(path)) {
            task.run();
        }
    }

    /** As a process that is killed. */
    void freeze(ActorRef<?> actor) {
        String path = actor.path().toStringWithoutAddress();
        frozen.add(path);
        Map<String, Runnable> its = new HashMap<>(ready.subMap(path, path + "0"));
        parked.putAll(its);
        ready.keySet().removeAll(its.keySet());
    }

    boolean idle() {
        return ready.isEmpty();
    }

    /** One message of an actor that has any. @return false if there is none */
    boolean step(SplittableRandom random) {
        if (ready.isEmpty()) {
            return false;
        }
        int turn = random.nextInt(ready.size());
        String path = ready.keySet().stream().skip(turn).findFirst().orElseThrow();
        ready.remove(path).run();
        return true;
    }

    /** Ends all actors, so that the next schedule finds none. */
    void clear(SplittableRandom random) {
        frozen.clear();
        ready.putAll(parked);
        parked.clear();
        now(root -> root.getChildren().forEach(root::stop));
        while (step(random)) {
            continue;
        }
    }

    @Override
    public void close() {
        synchronized (this) {
            start = Optional.of(Executors.newSingleThreadExecutor(task -> {
                Thread thread = new Thread(task, "tutti-simulation-end");
                thread.setDaemon(true);
                return thread;
            }));
        }
        system.terminate();
    }
}
