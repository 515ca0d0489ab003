package tutti.common.config;

import static tutti.common.error.TuttiException.require;

import java.nio.file.Path;

/**
 * What is written, where and when.
 *
 * @param saveSteps optimizer steps between checkpoints, read with {@link SaveStrategy#STEPS}
 * @param saveMinutes most minutes between two checkpoints, whatever the strategy; 0: no such limit
 * @param saveTotalLimit newest checkpoints to keep; 0 keeps all
 * @param saveFinalModel whether the trained weights are written into the folder itself when the run is done
 * @param resume empty: start anew; {@code true}: newest whole checkpoint of the folder; else a checkpoint's path
 * @param loggingSteps steps between lines of {@code metrics.jsonl}
 */
public record OutputConfig(
        Path folder,
        boolean overwrite,
        SaveStrategy saveStrategy,
        long saveSteps,
        double saveMinutes,
        int saveTotalLimit,
        boolean saveFinalModel,
        String resume,
        long loggingSteps) {

    /** When checkpoints are written. The final model is a setting of its own. */
    public enum SaveStrategy {
        NO,
        STEPS,
        EPOCH
    }

    public OutputConfig {
        require(saveSteps >= 1, "--save_steps=%d: at least 1; --save_strategy no writes none", saveSteps);
        require(saveMinutes >= 0, "--save_minutes=%s: not below 0; 0 saves by steps alone", saveMinutes);
        require(saveTotalLimit >= 0, "--save_total_limit=%d: not below 0; 0 keeps all", saveTotalLimit);
        require(loggingSteps >= 1, "--logging_steps=%d: at least 1", loggingSteps);
    }

    public boolean resumes() {
        return !resume.isEmpty() && !resume.equalsIgnoreCase("false");
    }

    public boolean resumesFromNewest() {
        return resume.equalsIgnoreCase("true");
    }

    static OutputConfig read(Settings settings) {
        String folder = settings.text(Keys.OUTPUT_DIR);
        require(!folder.isEmpty(), "--output_dir is missing: the folder for checkpoints, logs and the final model");
        return new OutputConfig(
                Path.of(folder),
                settings.flag(Keys.OVERWRITE_OUTPUT_DIR),
                settings.choice(Keys.SAVE_STRATEGY, SaveStrategy.class),
                settings.integer(Keys.SAVE_STEPS),
                settings.number(Keys.SAVE_MINUTES),
                settings.int32(Keys.SAVE_TOTAL_LIMIT),
                settings.flag(Keys.SAVE_FINAL_MODEL),
                settings.text(Keys.RESUME_FROM_CHECKPOINT),
                settings.integer(Keys.LOGGING_STEPS));
    }
}
