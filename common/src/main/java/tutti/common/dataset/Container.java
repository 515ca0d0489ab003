package tutti.common.dataset;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Kinds of files. The name tells, and where it does not, the first bytes. */
enum Container {
    JSON(List.of("json", "jsonl", "ndjson")),
    CSV(List.of("csv")),
    PARQUET(List.of("parquet")),
    TEXT(List.of("txt"));

    static final String KNOWN = "known are .json, .jsonl, .ndjson, .csv, .txt, each also as .gz or .zst, and .parquet";
    private static final String MAGIC_OF_PARQUET = "PAR1";

    private final List<String> endings;

    Container(List<String> endings) {
        this.endings = endings;
    }

    static Optional<Container> ofName(Path file) {
        String name = file.getFileName().toString().toLowerCase(Locale.ROOT).replaceFirst("\\.(gz|zst)$", "");
        String ending = name.substring(name.lastIndexOf('.') + 1);
        return List.of(values()).stream()
                .filter(kind -> kind.endings.contains(ending))
                .findFirst();
    }

    /** @param head its first bytes, unpacked, as Latin-1 */
    static Optional<Container> of(Path file, String head) {
        if (head.startsWith(MAGIC_OF_PARQUET)) {
            return Optional.of(PARQUET);
        }
        return ofName(file).or(() -> {
            // Behind the three bytes of a byte order mark.
            String begin = head.replaceFirst("^\u00ef\u00bb\u00bf", "").stripLeading();
            return begin.startsWith("{") || begin.startsWith("[") ? Optional.of(JSON) : Optional.empty();
        });
    }
}
