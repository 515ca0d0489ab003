package tutti.coordinator.run;

import static tutti.common.error.TuttiException.data;
import static tutti.common.error.TuttiException.require;

import java.nio.file.Path;
import tutti.common.checkpoint.Checkpoints;
import tutti.common.checkpoint.Manifest;
import tutti.common.config.OutputConfig;
import tutti.common.error.Category;
import tutti.coordinator.ledger.Past;

/** Finds the checkpoint that a run goes on from. */
public final class ResumePoint {
    private ResumePoint() {}

    /**
     * The checkpoint folder, or empty to start anew. Torn checkpoints are passed over for the newest whole one, saying so.
     *
     * @throws tutti.common.error.TuttiException (data) if a checkpoint given by name is not whole; names the newest one beside it
     *     that is
     */
    public static String find(OutputConfig output, Terminal terminal) {
        if (!output.resumes()) {
            return "";
        }
        if (!output.resumesFromNewest()) {
            Path folder = Path.of(output.resume());
            Manifest.Verdict verdict = Manifest.verify(folder);
            if (!verdict.ok()) {
                throw data(
                        "--resume_from_checkpoint %s: not whole: %s; %s",
                        folder, String.join("; ", verdict.problems()), instead(folder));
            }
            return folder.toString();
        }
        Checkpoints.Newest newest = Checkpoints.newest(output.folder());
        newest.skipped()
                .forEach(skipped -> terminal.line(
                        "passed over %s: %s".formatted(skipped.path(), String.join("; ", skipped.problems()))));
        if (newest.checkpoint().isEmpty()) {
            terminal.line("no whole checkpoint in %s: starting at step 0".formatted(output.folder()));
            return "";
        }
        return newest.checkpoint().get().path().toString();
    }

    /**
     * The folder, or empty, where a coordinator of this run was killed; workers that hold more tell when they join. Those that are torn,
     * or deleted since, are passed over.
     *
     * @throws tutti.common.error.TuttiException (environment) if a disk does not answer for one that may be whole
     */
    public static String lastCommit(Past past) {
        for (Path folder : past.commits()) {
            Manifest.Verdict verdict = Manifest.verify(folder);
            if (verdict.ok()) {
                return folder.toString();
            }
            // Who goes on from an older one because of that trains again what is saved there.
            require(
                    !verdict.unread(),
                    Category.ENVIRONMENT,
                    "%s was committed last, but cannot be read: %s; look at the disk",
                    folder,
                    String.join("; ", verdict.problems()));
        }
        return past.resumedFrom();
    }

    private static String instead(Path torn) {
        return Checkpoints.newest(torn.toAbsolutePath().getParent())
                .checkpoint()
                .map(found -> "the newest whole one beside it is " + found.path())
                .orElse("no whole one lies beside it");
    }
}
