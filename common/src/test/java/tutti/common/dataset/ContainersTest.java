package tutti.common.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.airlift.compress.zstd.ZstdOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.common.config.DataConfig;
import tutti.common.config.DataFormat;
import tutti.common.config.SampleBy;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

/** The Parquet files were written by parquet-java 1.16 (carpet-record 0.5.0) with the samples that are here. */
class ContainersTest {
    private static final String LINES = """
            {"instruction":"Add the numbers.","input":"1, \\"2\\"","output":"3"}
            {"instruction":"Write two lines,\\nthen a smile.","input":null,"output":"one\\ntwo \\ud83d\\ude00\\u00e9"}
            {"instruction":" kept as it is ","input":"","output":"'x'; y"}
            """;
    private static final String CSV = """
            instruction,input,output
            Add the numbers.,"1, ""2\""",3
            "Write two lines,
            then a smile.",,"one
            two \uD83D\uDE00\u00e9"

             kept as it is ,,'x'; y
            """;
    private static final List<List<Turn>> SAMPLES = List.of(
            List.of(new Turn(Role.USER, "Add the numbers.\n1, \"2\""), new Turn(Role.ASSISTANT, "3")),
            List.of(
                    new Turn(Role.USER, "Write two lines,\nthen a smile."),
                    new Turn(Role.ASSISTANT, "one\ntwo \uD83D\uDE00\u00e9")),
            List.of(new Turn(Role.USER, " kept as it is "), new Turn(Role.ASSISTANT, "'x'; y")));

    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"alpaca-uncompressed", "alpaca-snappy", "alpaca-gzip", "alpaca-zstd", "alpaca-lz4_raw"})
    void shouldReadTheSameSamplesFromParquetWhateverItsCodec(String name) {
        Path file = resource(name + ".parquet");
        assertThat(turns(file)).isEqualTo(SAMPLES);
        assertThat(Datasets.load(List.of(file)).get(2).source()).isEqualTo(file + "#2");
    }

    @ParameterizedTest
    @CsvSource({"'', ''", ".gz, ' in gzip'", ".zst, ' in zstd'"})
    void shouldReadTheSameSamplesFromJsonJsonLinesAndCsv(String packing, String said) throws IOException {
        String array = "[" + LINES.strip().replace("\n", ",\n") + "]";
        Path json = write("a.json" + packing, array);
        Path lines = write("a.jsonl" + packing, LINES);
        Path csv = write("a.csv" + packing, "\uFEFF" + CSV);
        for (Path file : List.of(json, lines, csv)) {
            assertThat(turns(file)).as(file.toString()).isEqualTo(SAMPLES);
        }
        assertThat(turns(write(
                        "b.csv" + packing,
                        CSV.replace("\n", "\r\n").replace("lines,\r", "lines,").replace("one\r", "one"))))
                .isEqualTo(SAMPLES);
        assertThat(Datasets.load(new DataConfig(List.of(json, lines, csv))).notes())
                .containsExactly(
                        "data: " + json + ": 3 samples of alpaca, JSON" + said,
                        "data: " + lines + ": 3 samples of alpaca, JSON Lines" + said,
                        "data: " + csv + ": 3 samples of alpaca, CSV" + said);
        assertThat(Datasets.load(List.of(csv)).stream().map(Example::source))
                .containsExactly(csv + ":2", csv + ":3", csv + ":7");
    }

    @Test
    void shouldReadAnyTextFromCsvAsFromJson() throws IOException {
        Random random = new Random(3);
        String[] alphabet = {"\"", ",", "\n", "\r", " ", "a", "\u00e9", "\uD83D\uDE00", "'", "\\"};
        StringBuilder csv = new StringBuilder("question,answer\r\n");
        StringBuilder lines = new StringBuilder();
        for (int row = 0; row < 300; row++) {
            String[] texts = new String[2];
            for (int i = 0; i < texts.length; i++) {
                texts[i] = random.ints(random.nextInt(8), 0, alphabet.length)
                        .mapToObj(letter -> alphabet[letter])
                        .collect(Collectors.joining());
            }
            csv.append(quoted(texts[0])).append(',').append(quoted(texts[1])).append(row % 2 == 0 ? "\n" : "\r\n");
            lines.append(new ObjectMapper().writeValueAsString(Map.of("question", texts[0], "answer", texts[1])))
                    .append('\n');
        }
        assertThat(turns(write("a.csv", csv.toString())))
                .hasSize(300)
                .isEqualTo(turns(write("a.jsonl.zst", lines.toString())));
    }

    private static String quoted(String cell) {
        boolean plain = !cell.isEmpty() && cell.matches("[^\",\\r\\n]*");
        return plain ? cell : '"' + cell.replace("\"", "\"\"") + '"';
    }

    @Test
    void shouldTellJsonAndPackingFromTheContentWhereTheNameDoesNot() throws IOException {
        Path plain = Files.writeString(folder.resolve("data"), "\uFEFF\n" + LINES);
        assertThat(turns(plain)).isEqualTo(SAMPLES);
        assertThat(turns(Files.move(write("x.jsonl.gz", LINES), folder.resolve("packed.json"))))
                .isEqualTo(SAMPLES);
        assertThat(turns(Files.copy(resource("alpaca-zstd.parquet"), folder.resolve("table"))))
                .isEqualTo(SAMPLES);
        refused(
                Files.writeString(folder.resolve("notes.md"), "# Notes"),
                "of no known kind by its name and its beginning");
    }

    @Test
    void shouldReadListsAndStructsOfParquet() {
        List<Example> chats = Datasets.load(List.of(resource("messages.parquet")));
        assertThat(chats.get(0).source()).endsWith("messages.parquet#0 (7)");
        assertThat(((Conversation) chats.get(0)).turns())
                .containsExactly(
                        new Turn(Role.USER, "q"),
                        new Turn(Role.ASSISTANT, "a", false),
                        new Turn(Role.USER, "r"),
                        new Turn(Role.ASSISTANT, "b"));
        assertThat(((Conversation) chats.get(1)).turns()).hasSize(3);
        List<Example> tokens = Datasets.load(List.of(resource("tokens.parquet")));
        assertThat(((Tokens) tokens.get(0)).inputIds()).containsExactly(1, 2, 3);
        assertThat(((Tokens) tokens.get(0)).labels()).containsExactly(-100, 2, 3);
        assertThat(((Tokens) tokens.get(1)).labels()).containsExactly(4);
    }

    @ParameterizedTest
    @CsvSource({
        "LINE, a:1 b:2 c:5 d:7",
        "PARAGRAPH, a/b:1 c:5 d:7",
        "DOCUMENT, a/b///c//d/:1",
    })
    void shouldCutTextAsHuggingFaceDoes(SampleBy by, String samples) throws IOException {
        Path file = write("a.txt.gz", "a\r\nb\n\n \nc\n\nd\n");
        List<String> read =
                Datasets.load(new DataConfig(List.of(file), true, DataFormat.AUTO, Map.of(), by, ""))
                        .examples()
                        .stream()
                        .map(PlainText.class::cast)
                        .map(text -> text.text().replace("\n", "/").replace(" ", "")
                                + text.source().substring(file.toString().length()))
                        .toList();
        assertThat(String.join(" ", read)).isEqualTo(samples);
    }

    @Test
    void shouldReadTheDataFilesOfAFolderByNameAndNameTheOthers() throws IOException {
        write("b.jsonl.zst", LINES);
        write("B.csv", CSV);
        write("a.txt", "text");
        Files.copy(resource("alpaca-snappy.parquet"), folder.resolve("c.parquet"));
        Files.writeString(folder.resolve("README.md"), "# Data");
        Files.createDirectory(folder.resolve("deeper"));
        Datasets.Loaded loaded = Datasets.load(new DataConfig(List.of(folder)));
        assertThat(loaded.notes())
                .containsExactly(
                        "data: " + folder + ": not read: README.md, deeper",
                        "data: " + folder.resolve("B.csv") + ": 3 samples of alpaca, CSV",
                        "data: " + folder.resolve("a.txt") + ": 1 sample of text, text",
                        "data: " + folder.resolve("b.jsonl.zst") + ": 3 samples of alpaca, JSON Lines in zstd",
                        "data: " + folder.resolve("c.parquet") + ": 3 samples of alpaca, Parquet");
        assertThat(loaded.examples()).hasSize(10);
    }

    @Test
    void shouldRefuseBrokenCsvWithItsPlace() throws IOException {
        refused(write("a.csv", "question,answer\nq,a\nq,a,b\n"), "a.csv:3: malformed CSV: more than 2 cells");
        refused(write("b.csv", "question,answer\nq,a\nq\n"), "b.csv:3: malformed CSV: 1 cells, the first row names 2");
        refused(write("c.csv", "question,answer\nq,\"a\n"), "c.csv:2: malformed CSV: no closing quote");
        refused(
                write("d.csv", "answer,answer\nq,a\n"),
                "d.csv:1: malformed CSV: two columns of one name in [answer, answer]");
        refused(write("g.csv", "question,answer\nq,\"a\"b\n"), "g.csv:2: malformed CSV: text behind a closing quote");
        refused(write("e.csv", "question,answer\n"), "e.csv", "needs at least one");
        refused(write("f.csv", "question;answer\nq;a\n"), "f.csv:2: unknown format, its keys are [question;answer]");
    }

    @Test
    void shouldRefusePackedFilesThatAreCutShort() throws IOException {
        for (String name : List.of("a.jsonl.gz", "a.jsonl.zst")) {
            Path file = write(name, LINES.repeat(100));
            byte[] whole = Files.readAllBytes(file);
            Files.write(file, Arrays.copyOf(whole, whole.length - 9));
            refused(file, name, "damaged or cut short in");
        }
        Path parquet = folder.resolve("a.parquet");
        byte[] whole = Files.readAllBytes(resource("alpaca-zstd.parquet"));
        Files.write(parquet, Arrays.copyOf(whole, whole.length - 9));
        refused(parquet, "no whole Parquet file");
        Files.write(parquet, packed(".gz", whole));
        refused(parquet, "Parquet in gzip");
    }

    @ParameterizedTest
    @ValueSource(strings = {"a.csv", "a.jsonl.gz", "a.jsonl.zst", "a.parquet"})
    void shouldOnlyEverReadOrRefuseDamage(String name) throws IOException {
        byte[] whole = name.endsWith("parquet")
                ? Files.readAllBytes(resource("alpaca-zstd.parquet"))
                : Files.readAllBytes(write(name, name.endsWith("csv") ? CSV : LINES));
        Random random = new Random(7);
        Path file = folder.resolve("fuzz-" + name);
        for (int round = 0; round < 500; round++) {
            byte[] damaged = whole.clone();
            damaged[4 + random.nextInt(whole.length - 4)] = (byte) random.nextInt();
            Files.write(file, damaged);
            try {
                assertThat(Datasets.load(List.of(file))).as("round %d", round).isNotEmpty();
            } catch (TuttiException e) {
                assertThat(e.category()).as("round %d", round).isEqualTo(Category.DATA);
                assertThat(e.getMessage()).as("round %d", round).startsWith(file.toString());
            }
        }
    }

    private static void refused(Path file, String... parts) {
        assertThatThrownBy(() -> Datasets.load(List.of(file))).isInstanceOfSatisfying(TuttiException.class, e -> {
            assertThat(e.category()).isEqualTo(Category.DATA);
            assertThat(e.getMessage())
                    .startsWith(file.toString())
                    .doesNotContain("\n")
                    .contains(parts);
        });
    }

    private static List<List<Turn>> turns(Path file) {
        return Datasets.load(List.of(file)).stream()
                .map(example -> ((Conversation) example).turns())
                .toList();
    }

    private Path write(String name, String content) throws IOException {
        return Files.write(folder.resolve(name), packed(name, content.getBytes(StandardCharsets.UTF_8)));
    }

    private static byte[] packed(String name, byte[] content) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (OutputStream out = name.endsWith(".gz")
                ? new GZIPOutputStream(bytes)
                : name.endsWith(".zst") ? new ZstdOutputStream(bytes) : bytes) {
            out.write(content);
        }
        return bytes.toByteArray();
    }

    private static Path resource(String name) {
        try {
            return Path.of(ContainersTest.class.getResource(name).toURI());
        } catch (URISyntaxException e) {
            throw new IllegalArgumentException(e);
        }
    }
}
