package tutti.common.dataset;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import tutti.common.config.DataConfig;
import tutti.common.config.DataFormat;
import tutti.common.error.TuttiException;

/** Loads data files into memory. */
public final class Datasets {
    private Datasets() {}

    /**
     * Samples in order.
     *
     * @param counts samples of each path that is configured
     * @param notes a line for each file, on what it held, and for each folder with files that were not read
     */
    public record Loaded(List<Example> examples, int[] counts, List<String> notes) {}

    /** All samples of these files and folders, each of what format its fields say. */
    public static List<Example> load(List<Path> paths) {
        return load(new DataConfig(paths)).examples();
    }

    /**
     * Reads all samples of all files, in order. What kind of file each is, and what a sample is where that is not configured, is seen
     * from names and content, and may differ from file to file and from sample to sample.
     *
     * <p>A file that is missing, empty, malformed or of another format is a DATA failure that names file and line or sample.
     */
    public static Loaded load(DataConfig config) {
        DataPaths paths = DataPaths.of(config.paths());
        List<Example> examples = new ArrayList<>();
        List<String> notes = new ArrayList<>(paths.notes());
        int[] counts = new int[paths.entries().size()];
        for (int entry = 0; entry < counts.length; entry++) {
            int before = examples.size();
            for (Path file : paths.entries().get(entry)) {
                notes.add(read(file, config, examples));
            }
            counts[entry] = examples.size() - before;
        }
        return new Loaded(examples, counts, notes);
    }

    /** Says what it held. */
    private static String read(Path file, DataConfig config, List<Example> examples) {
        Map<DataFormat, Integer> counts = new EnumMap<>(DataFormat.class);
        String kind = DataFile.read(file, config.sampleBy(), plain -> {
            Row row = plain.renamed(config.renamed());
            DataFormat format = config.format() == DataFormat.AUTO ? SampleFormats.detect(row) : config.format();
            examples.add(SampleFormats.read(row, format));
            counts.merge(format, 1, Integer::sum);
        });
        if (counts.isEmpty()) {
            throw TuttiException.data("%s: holds no samples; a data file needs at least one", file);
        }
        String held = counts.entrySet().stream()
                .map(count -> "%,d sample%s of %s"
                        .formatted(
                                count.getValue(), count.getValue() == 1 ? "" : "s", SampleFormats.name(count.getKey())))
                .collect(Collectors.joining(" and "));
        return "data: %s: %s, %s".formatted(file, held, kind);
    }
}
