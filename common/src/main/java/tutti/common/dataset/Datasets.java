package tutti.common.dataset;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import tutti.common.config.DataConfig;
import tutti.common.config.DataFormat;
import tutti.common.config.SampleBy;
import tutti.common.error.TuttiException;

/** Reads data files, sample by sample or all into memory. */
public final class Datasets {
    private Datasets() {}

    /**
     * Samples in order.
     *
     * @param notes a line for each file, on what it held, and for each folder with files that were not read
     * @param formats of the samples
     * @param all samples that the files hold
     */
    public record Loaded(List<Example> examples, List<String> notes, Set<DataFormat> formats, int all) {}

    /** All samples of these files and folders, each of what format its fields say. */
    public static List<Example> load(List<Path> paths) {
        return load(new DataConfig(paths)).examples();
    }

    /** As {@link #read}, with all samples in memory. */
    public static Loaded load(DataConfig config) {
        return first(config, Integer.MAX_VALUE);
    }

    /** As {@link #read}, with the first {@code limit} samples in memory: all are read, and are what they should be. */
    public static Loaded first(DataConfig config, int limit) {
        DataPaths paths = DataPaths.of(config.paths());
        List<Example> examples = new ArrayList<>();
        Set<DataFormat> formats = EnumSet.noneOf(DataFormat.class);
        int[] all = new int[1];
        List<String> held = read(paths.files(), config, (file, format, example) -> {
            if (all[0]++ < limit) {
                formats.add(format);
                examples.add(example);
            }
        });
        return new Loaded(examples, paths.notes(held), formats, all[0]);
    }

    /** Who takes samples one by one. */
    @FunctionalInterface
    public interface Taker {
        /**
         * @param file number of the one that it came from
         * @param format that it had there
         */
        void take(int file, DataFormat format, Example example);
    }

    /**
     * Reads all samples of all files, in order, and holds none. What kind of file each is, and what a sample is where that is not
     * configured, is seen from names and content, and may differ from file to file and from sample to sample.
     *
     * <p>A file that is missing, empty, malformed or of another format is a DATA failure that names file and line or sample; so is the
     * name of a field that no sample has.
     *
     * @param files as {@link DataPaths} has them
     * @return what each file held, for {@link DataPaths#notes(List)}
     */
    public static List<String> read(List<Path> files, DataConfig config, Taker into) {
        List<String> held = new ArrayList<>();
        Set<String> unseen = new TreeSet<>(config.renamed().keySet());
        for (int number = 0; number < files.size(); number++) {
            int file = number;
            Map<DataFormat, Integer> counts = new EnumMap<>(DataFormat.class);
            String kind = DataFile.read(files.get(file), config.sampleBy(), plain -> {
                Row row = plain.renamed(config.renamed());
                unseen.removeIf(row::has);
                DataFormat format = config.format() == DataFormat.AUTO ? SampleFormats.detect(row) : config.format();
                into.take(file, format, Answers.apart(SampleFormats.read(row, format), config.answerAfter()));
                counts.merge(format, 1, Integer::sum);
            });
            if (counts.isEmpty()) {
                throw TuttiException.data("%s: holds no samples; a data file needs at least one", files.get(file));
            }
            String samples = counts.entrySet().stream()
                    .map(count -> "%,d sample%s of %s"
                            .formatted(
                                    count.getValue(),
                                    count.getValue() == 1 ? "" : "s",
                                    SampleFormats.name(count.getKey())))
                    .collect(Collectors.joining(" and "));
            held.add(samples + ", " + kind);
        }
        // A misspelt one that samples may do without would be missed by nobody.
        unseen.stream().findFirst().ifPresent(field -> {
            throw TuttiException.data(
                    "%s: no sample has a field '%s', the name that was given for '%s' of %s; see the --*_field flags",
                    files.get(0), config.renamed().get(field), field, SampleFormats.name(config.format()));
        });
        return held;
    }

    /** Texts to be continued: the lines of a text file that are not blank; field {@code prompt} of the rows of any other. */
    public static List<String> prompts(Path file) {
        List<String> prompts = new ArrayList<>();
        DataFile.read(file, SampleBy.LINE, row -> {
            String field = row.has("prompt") ? "prompt" : "text";
            if (!row.has(field)) {
                throw row.refused("no field 'prompt'; its keys are %s", row.keys());
            }
            prompts.add(row.text(field));
        });
        return prompts;
    }
}
