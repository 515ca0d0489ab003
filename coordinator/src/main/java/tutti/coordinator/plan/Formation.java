package tutti.coordinator.plan;

import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import tutti.common.config.LaunchConfig;
import tutti.common.config.TrainConfig;
import tutti.common.protocol.Join;

/** Which of the workers that are here make a generation: as many as can hold the virtual ranks, of nodes whose workers are all here. */
public record Formation(LaunchConfig launch, TrainConfig train) {

    /** Workers of a generation when all nodes are here. */
    public int most() {
        return train.mostHeldBy(launch.worldSize());
    }

    /**
     * @param holds who was in the last generation: they hold the state, and come first
     * @return in the order of their seats; empty while there are too few
     */
    public List<Join> choose(Collection<Join> here, Predicate<Join> holds) {
        Map<Integer, Long> present =
                here.stream().collect(Collectors.groupingBy(Join::nodeRank, Collectors.counting()));
        Set<Integer> whole = IntStream.range(0, launch.nnodes())
                .filter(node -> present.getOrDefault(node, 0L)
                        == (long) launch.workers().get(node))
                .boxed()
                .collect(Collectors.toSet());
        if (whole.size() < launch.minNodes()) {
            return List.of();
        }
        List<Join> able =
                here.stream().filter(join -> whole.contains(join.nodeRank())).toList();
        Function<Join, Boolean> isNew = join -> !holds.test(join);
        return able.stream()
                .sorted(Comparator.comparing(isNew).thenComparing(Join::seat))
                .limit(train.mostHeldBy(able.size()))
                .sorted(Comparator.comparing(Join::seat))
                .toList();
    }
}
