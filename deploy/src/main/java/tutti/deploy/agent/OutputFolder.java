package tutti.deploy.agent;

import static tutti.common.error.TuttiException.environment;
import static tutti.common.error.TuttiException.require;
import static tutti.common.error.TuttiException.user;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import tutti.common.config.OutputConfig;
import tutti.common.config.RunConfig;
import tutti.common.config.Settings;
import tutti.common.error.TuttiException;

/**
 * The folder that a run writes to: may it be used, what of an earlier run goes, and {@code run.json}. Only node 0 judges and
 * empties it, since nodes may share it over a network.
 */
final class OutputFolder implements AutoCloseable {
    private static final String RUN_FILE = "run.json";
    private static final String LOGS = "logs";
    /** All that a run writes, half-written files included; anything else belongs to somebody else and stays. */
    private static final Pattern OURS =
            Pattern.compile("run\\.json|(metrics|samples|events)\\.jsonl|logs|ledger\\.mv\\.db"
                    + "|checkpoint-\\d+|config\\.json|generation_config\\.json|model(-\\d+-of-\\d+)?\\.safetensors(\\.index\\.json)?"
                    + "|tokenizer.*\\.(json|model)|special_tokens_map\\.json|added_tokens\\.json|vocab\\.(json|txt)|merges\\.txt"
                    + "|chat_template\\.jinja|trainer_state\\.json|MANIFEST\\.json|run\\.json\\.tmp"
                    + "|save_now|\\.checkpoint-\\d+\\.(partial|old|trash)|\\.model\\.safetensors\\.partial");
    /** What a run leaves that failed before its first step: nobody misses it. */
    private static final Pattern TRACES = Pattern.compile("run\\.json|events\\.jsonl|logs|ledger\\.mv\\.db");

    private final RunConfig config;
    private final Path folder;
    private RunLock lock;

    OutputFolder(RunConfig config) {
        this.config = config;
        this.folder = config.output().folder();
    }

    /** @throws TuttiException (user) if using the folder would mix with or destroy what lies there; deletes nothing. Until {@link #close} no other run can use it. */
    void check() {
        require(
                !Files.exists(folder) || Files.isDirectory(folder),
                "--output_dir %s: a file; a folder is needed",
                folder);
        if (isFirstNode()) {
            hold();
        }
        if (isFirstNode() && !config.output().resumes() && !contents().isEmpty() && !onlyTraces()) {
            checkOverwrite(config.output());
        }
    }

    private synchronized void hold() {
        try {
            lock = RunLock.take(folder);
        } catch (IOException e) {
            throw notWritable(e);
        }
    }

    /** Lets other runs use the folder; a second call does nothing. */
    @Override
    public synchronized void close() {
        if (lock != null) {
            lock.close();
            lock = null;
        }
    }

    /** Deletes what an earlier run wrote, if that was asked for; makes the folder and its {@code logs}. */
    void prepare() {
        try {
            boolean anew = config.output().overwrite() || onlyTraces();
            if (isFirstNode() && anew && !config.output().resumes()) {
                for (Path file : contents()) {
                    if (OURS.matcher(file.getFileName().toString()).matches()) {
                        Trees.delete(file);
                    }
                }
            }
            Files.createDirectories(folder.resolve(LOGS));
        } catch (IOException e) {
            throw notWritable(e);
        }
    }

    /** Writes the settings in force; on later nodes beside the logs, for the first node's file is {@code run.json}. */
    Path writeRunFile(Settings settings) {
        Path file = isFirstNode()
                ? folder.resolve(RUN_FILE)
                : folder.resolve(LOGS)
                        .resolve("node-%d.json".formatted(config.launch().nodeRank()));
        Path beside = file.resolveSibling(file.getFileName() + ".tmp");
        try {
            byte[] json = new ObjectMapper()
                    .enable(SerializationFeature.INDENT_OUTPUT)
                    .writeValueAsBytes(settings.effective());
            Files.write(beside, json);
            // A reader sees the old file or the new one, never half of it.
            return Files.move(beside, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            throw notWritable(e);
        }
    }

    /** Where the output of a worker is kept; emptied unless the run goes on from a checkpoint. */
    Path log(int rank) {
        Path log = folder.resolve(LOGS).resolve("rank-%d.log".formatted(rank));
        try {
            if (!config.output().resumes()) {
                Files.deleteIfExists(log);
            }
            return log;
        } catch (IOException e) {
            throw notWritable(e);
        }
    }

    private void checkOverwrite(OutputConfig output) {
        require(
                output.overwrite(),
                "--output_dir %s: not empty; give another folder, --overwrite_output_dir to start over, or "
                        + "--resume_from_checkpoint True to go on",
                folder);
        require(
                Files.isRegularFile(folder.resolve(RUN_FILE)),
                "--overwrite_output_dir: %s holds files but no %s, so no Tutti run wrote them and nothing is deleted; "
                        + "give another --output_dir",
                folder,
                RUN_FILE);
        requireOutside("--model_name_or_path", config.model().folder());
        config.data().paths().forEach(file -> requireOutside("--data_path", file));
    }

    /** What the run is about to read must not be what it deletes first. */
    private void requireOutside(String flag, Path input) {
        try {
            if (Files.exists(input) && input.toRealPath().startsWith(folder.toRealPath())) {
                throw user(
                        "%s %s: lies in --output_dir %s, which --overwrite_output_dir would empty; give another "
                                + "--output_dir",
                        flag, input, folder);
            }
        } catch (IOException e) {
            throw environment("%s %s: %s", flag, input, e);
        }
    }

    private boolean onlyTraces() {
        return Files.isRegularFile(folder.resolve(RUN_FILE))
                && contents().stream().allMatch(this::isTrace);
    }

    private boolean isTrace(Path file) {
        String name = file.getFileName().toString();
        return TRACES.matcher(name).matches()
                || (name.equals("metrics.jsonl") && file.toFile().length() == 0);
    }

    /** What lies there, but for the logs that another node of this run may have begun. */
    private List<Path> contents() {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        boolean shared = config.launch().nnodes() > 1;
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> !file.endsWith(RunLock.FILE))
                    .filter(file -> !(shared && file.endsWith(LOGS)))
                    .toList();
        } catch (IOException e) {
            throw environment("--output_dir %s: cannot be read: %s", folder, e);
        }
    }

    private boolean isFirstNode() {
        return config.launch().nodeRank() == 0;
    }

    private TuttiException notWritable(IOException e) {
        return environment("--output_dir %s: cannot be written: %s", folder, e);
    }
}
