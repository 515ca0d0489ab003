package tutti.deploy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintStream;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tutti.common.config.AllReduceConfig.ReduceDType;
import tutti.common.config.TrainConfig.Backend;
import tutti.deploy.agent.ChildCommand;
import tutti.deploy.agent.Patience;
import tutti.deploy.agent.RankGroup;
import tutti.deploy.bench.AllReduceBench;
import tutti.deploy.bench.AllReduceResult;
import tutti.deploy.bench.MessageSizes;
import tutti.deploy.bench.Transport;
import tutti.deploy.doctor.Machine;

/** {@code tutti bench allreduce}: how fast gradients are summed between processes of this machine. */
@Command(
        name = "allreduce",
        description =
                "the float32 all-reduce of a run between processes: time and bandwidth by size, every sum checked",
        sortOptions = false,
        mixinStandardHelpOptions = true)
final class BenchAllReduceCommand implements Callable<Integer> {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final PrintStream out;
    private final PrintStream err;

    @Spec
    private CommandSpec spec;

    @Option(names = "--world_size", defaultValue = "2", description = "ranks, a process each (default: 2)")
    private int worldSize;

    @Option(
            names = "--transport",
            defaultValue = "auto",
            description = "shm, ipc or udp; auto is what a run on one node takes (default: auto)")
    private Transport transport;

    @Option(
            names = "--bytes",
            defaultValue = "1k,16k,256k,4m,16m,64m",
            description = "sizes of the buffer; k, m, g are powers of 1024 (default: 1k,16k,256k,4m,16m,64m)")
    private String bytes;

    @Option(
            names = "--reduce_dtype",
            defaultValue = "float32",
            description = "as tutti run takes it: bfloat16 on the wire for --transport udp (default: float32)")
    private ReduceDType reduceDType;

    @Option(names = "--backend", defaultValue = "auto", description = "as tutti run takes it (default: auto)")
    private Backend backend;

    @Mixin
    private JsonFlag json;

    BenchAllReduceCommand(PrintStream out, PrintStream err) {
        this.out = out;
        this.err = err;
    }

    @Override
    public Integer call() {
        AllReduceBench.Options options =
                new AllReduceBench.Options(worldSize, transport, backend, reduceDType, MessageSizes.parse(bytes));
        boolean verbose = spec.commandLine().getParseResult().hasMatchedOption(Tutti.VERBOSE);
        ChildCommand command = ChildCommand.sameJava(Tutti.class, verbose, System.getenv());
        return new AllReduceBench(
                        new RankGroup(command, Patience.USUAL, err), List.of("bench", BenchAllReduceRankCommand.NAME))
                .run(options, json.given() ? this::object : table());
    }

    private void object(AllReduceResult result) {
        try {
            out.println(JSON.writeValueAsString(result));
            out.flush();
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    private Consumer<AllReduceResult> table() {
        boolean[] begun = new boolean[1];
        return result -> {
            if (!begun[0]) {
                begun[0] = true;
                out.print(result.head(Machine.here().processor()));
            }
            out.print(result.row());
            out.flush();
        };
    }
}
