package tutti.coordinator.simulation;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import tutti.common.config.RunConfig;

/**
 * The run of one schedule.
 *
 * @param sharded no rank holds all of the optimizer's state: what is lost is read from the last checkpoint
 * @param bad samples with which no gradient is finite: all go back to the last commit, and leave out the steps since then
 * @param saveSteps 0: none
 * @param evalSteps 0: nothing is evaluated
 * @param loadsBest the final model is that of the best checkpoint
 * @param saveMinutes 0: the clock makes no checkpoint due
 * @param lastCall seconds for which more nodes than are needed are waited for
 * @param stepMillis what workers say that a step took: the coordinator hands out so many ahead
 * @param patience milliseconds after which a rank that waits for others in a collective says so
 * @param fullDisk probability that a part is not written
 */
record Settings(
        int nodes,
        int minNodes,
        int workersEach,
        int samples,
        int epochs,
        boolean sharded,
        Set<Integer> bad,
        int saveSteps,
        int evalSteps,
        boolean loadsBest,
        double saveMinutes,
        int keep,
        int maxRestarts,
        int lastCall,
        long stepMillis,
        long patience,
        double fullDisk) {
    private static final int BATCH = 2;

    static Settings of(Schedule schedule) {
        int nodes = (int) schedule.between(1, 4);
        int workersEach = (int) schedule.between(1, nodes == 1 ? 3 : nodes == 2 ? 2 : 1);
        boolean elastic = nodes > 1 && schedule.chance(0.6);
        int samples = (int) schedule.between(nodes * workersEach + 1, elastic ? 60 : 24);
        Set<Integer> bad = new TreeSet<>();
        for (long left = schedule.chance(0.4) ? schedule.between(1, 2) : 0; left > 0; left--) {
            bad.add((int) schedule.between(0, samples - 1));
        }
        int evalSteps = schedule.chance(0.5) ? (int) schedule.between(1, 4) : 0;
        boolean loadsBest = evalSteps > 0 && schedule.chance(0.6);
        return new Settings(
                nodes,
                elastic ? (int) schedule.between(1, nodes - 1) : nodes,
                workersEach,
                samples,
                (int) schedule.between(1, 3),
                schedule.chance(0.3),
                bad,
                loadsBest
                        ? evalSteps * (int) schedule.between(1, 2)
                        : schedule.chance(0.3) ? 0 : (int) schedule.between(1, 5),
                evalSteps,
                loadsBest,
                schedule.chance(0.3) ? schedule.between(1, 10) / 60.0 : 0,
                (int) schedule.between(0, 3),
                schedule.chance(0.1) ? (int) schedule.between(1, 2) : 20,
                (int) schedule.between(1, 30),
                schedule.between(300, 3000),
                schedule.between(12, 25) * 1000,
                schedule.chance(0.2) ? 0.2 : 0);
    }

    /** Workers when all nodes are there. */
    int seats() {
        return nodes * workersEach;
    }

    boolean elastic() {
        return minNodes < nodes;
    }

    /** Of three nodes that come and go one is idle at a time: they hold a power of two. */
    int virtualRanks() {
        return elastic() ? Integer.highestOneBit(2 * seats() - 1) : seats();
    }

    boolean canBe(int worldSize) {
        return elastic() ? virtualRanks() % worldSize == 0 : worldSize == seats();
    }

    int node(int seat) {
        return seat / workersEach;
    }

    long stepsPerEpoch() {
        return (samples + batch() - 1) / batch();
    }

    private int batch() {
        return BATCH * virtualRanks();
    }

    /** The last step of an epoch is a short one. */
    double epochsBehind(long completed) {
        double within = (double) (completed % stepsPerEpoch() * batch()) / samples;
        return completed / stepsPerEpoch() + Math.min(1, within);
    }

    boolean evaluatesBehind(long completed) {
        return evalSteps > 0 && completed > 0 && (completed % evalSteps == 0 || completed == totalSteps());
    }

    long totalSteps() {
        return epochs * stepsPerEpoch();
    }

    RunConfig config(Path output, long seed) {
        Map<String, String> flags = new LinkedHashMap<>(
                Map.of("model_name_or_path", "m", "data_path", "d", "output_dir", output.toString()));
        flags.put("nnodes", minNodes + ":" + nodes);
        flags.put("virtual_ranks", Integer.toString(virtualRanks()));
        flags.put("zero", sharded ? "1" : "0");
        flags.put("nproc_per_node", Integer.toString(workersEach));
        flags.put("per_device_train_batch_size", Integer.toString(BATCH));
        flags.put("num_train_epochs", Integer.toString(epochs));
        flags.put("seed", Long.toString(seed));
        flags.put("save_strategy", saveSteps == 0 ? "no" : "steps");
        flags.put("save_minutes", Double.toString(saveMinutes));
        flags.put("on_nonfinite", bad.isEmpty() ? "stop" : "rollback");
        flags.put("save_steps", Integer.toString(Math.max(1, saveSteps)));
        if (evalSteps > 0) {
            flags.put("eval_data_path", "e");
            flags.put("eval_strategy", "steps");
            flags.put("eval_steps", Integer.toString(evalSteps));
            flags.put("load_best_model_at_end", Boolean.toString(loadsBest));
        }
        flags.put("save_total_limit", Integer.toString(keep));
        flags.put("rdzv_last_call", Integer.toString(lastCall));
        flags.put("max_restarts", Integer.toString(maxRestarts));
        return RunConfig.read(tutti.common.config.Settings.of(flags, null));
    }
}
