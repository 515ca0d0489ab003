package tutti.deploy;

import java.nio.file.Path;
import tutti.common.checkpoint.ModelFolder;
import tutti.common.config.RunConfig;
import tutti.deploy.agent.Preflight;
import tutti.worker.checkpoint.WeightLoader;
import tutti.worker.model.LlamaConfig;

/** Is this a model that can be trained: its config, and names and shapes of its weights. Reads headers only, so it takes no time. */
final class ModelPreflight implements Preflight {

    @Override
    public void check(RunConfig config) {
        Path folder = config.model().folder();
        LlamaConfig model = LlamaConfig.read(folder);
        // A resumed run takes its weights from the checkpoint, which the coordinator chooses.
        if (!config.model().initFromConfig() && !config.output().resumes()) {
            try (ModelFolder weights = ModelFolder.open(folder)) {
                WeightLoader.check(weights, model);
            }
        }
    }
}
