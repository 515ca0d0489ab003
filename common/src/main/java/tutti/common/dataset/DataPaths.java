package tutti.common.dataset;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/**
 * The data files that paths stand for: a file for itself, a folder for the data files in it, by name in the order of their UTF-16
 * units, the same on every machine. What lies deeper is not looked at.
 *
 * @param entries files of each path, in the order given
 * @param notes a line for each folder that holds something else too
 */
public record DataPaths(List<List<Path>> entries, List<String> notes) {
    private static final int NAMED = 10;

    public DataPaths {
        entries = entries.stream().map(List::copyOf).toList();
        notes = List.copyOf(notes);
    }

    /** A path that does not exist, or a folder without data files, is a DATA failure. */
    public static DataPaths of(List<Path> paths) {
        List<List<Path>> entries = new ArrayList<>();
        List<String> notes = new ArrayList<>();
        for (Path path : paths) {
            List<Path> files = new ArrayList<>();
            entries.add(files);
            if (Files.isDirectory(path)) {
                addFolder(path, files, notes);
            } else if (Files.isRegularFile(path)) {
                files.add(path);
            } else {
                throw TuttiException.data("%s: no such file; check --data_path (or --eval_data_path)", path);
            }
        }
        return new DataPaths(entries, notes);
    }

    /** Of all paths. */
    public List<Path> files() {
        return entries.stream().flatMap(List::stream).toList();
    }

    /** Of each entry, from those of each file. */
    public int[] sums(int[] ofFiles) {
        int[] sums = new int[entries.size()];
        int file = 0;
        for (int entry = 0; entry < sums.length; entry++) {
            for (int end = file + entries.get(entry).size(); file < end; file++) {
                sums[entry] += ofFiles[file];
            }
        }
        return sums;
    }

    /**
     * All lines for the person at the terminal.
     *
     * @param held of each file, what was in it
     */
    public List<String> notes(List<String> held) {
        List<String> all = new ArrayList<>(notes);
        List<Path> files = files();
        for (int file = 0; file < held.size(); file++) {
            all.add("data: %s: %s".formatted(files.get(file), held.get(file)));
        }
        return all;
    }

    private static void addFolder(Path folder, List<Path> files, List<String> notes) {
        List<String> others = new ArrayList<>();
        for (Path entry : entries(folder)) {
            if (Files.isRegularFile(entry) && Container.ofName(entry).isPresent()) {
                files.add(entry);
            } else {
                others.add(Limits.clip(entry.getFileName().toString()));
            }
        }
        if (files.isEmpty()) {
            throw TuttiException.data("%s: a folder without data files; %s", folder, Container.KNOWN);
        }
        if (!others.isEmpty()) {
            int more = Math.max(0, others.size() - NAMED);
            notes.add("data: %s: not read: %s%s"
                    .formatted(
                            folder,
                            String.join(", ", others.subList(0, others.size() - more)),
                            more == 0 ? "" : " and " + more + " more"));
        }
    }

    private static List<Path> entries(Path folder) {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.sorted(
                            Comparator.comparing(entry -> entry.getFileName().toString()))
                    .toList();
        } catch (IOException e) {
            throw new TuttiException(Category.ENVIRONMENT, folder + ": cannot be read: " + e, e);
        }
    }
}
