package tutti.deploy;

import com.fasterxml.jackson.core.JsonProcessingException;
import java.io.PrintStream;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;
import tutti.deploy.agent.ParentWatch;
import tutti.deploy.bench.AllReduceRank;
import tutti.deploy.bench.AllReduceSeat;

/** One rank of {@code tutti bench allreduce}, which starts it. */
@Command(name = BenchAllReduceRankCommand.NAME, hidden = true)
final class BenchAllReduceRankCommand implements Callable<Integer> {
    static final String NAME = "allreduce-rank";

    private final PrintStream out;

    @Parameters(description = "AllReduceSeat as JSON")
    private String seat;

    BenchAllReduceRankCommand(PrintStream out) {
        this.out = out;
    }

    @Override
    public Integer call() throws JsonProcessingException {
        AllReduceSeat mine = AllReduceSeat.of(seat);
        ParentWatch.start(mine.aeronDir());
        new AllReduceRank(mine).run(out);
        return 0;
    }
}
