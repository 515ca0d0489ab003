package tutti.worker.samples;

import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.CRC32C;
import tutti.common.token.EncodeReport;

/**
 * The small file of an entry: JSON, and its CRC32C in a line behind it.
 *
 * @param tokenBytes length of the file with the records
 * @param indexCrc CRC32C of the index
 * @param files that the samples were read from; the same content may lie elsewhere by now
 */
record Facts(int count, long tokenBytes, long indexCrc, List<String> files, Summary summary) {
    private static final JsonMapper JSON = new JsonMapper();
    /** Files' names and a line for each are far less. */
    private static final int MOST_BYTES = 1 << 24;

    private static final int CRC_DIGITS = 8;

    void write(Path file) throws IOException {
        byte[] json = JSON.writeValueAsBytes(this);
        ByteBuffer all = ByteBuffer.allocate(json.length + CRC_DIGITS + 2);
        all.put(json).put((byte) '\n').put(crc(json)).put((byte) '\n');
        PrivateFiles.write(file, all.array());
    }

    /** @throws IOException if there is none, or it is not as it was written */
    static Facts read(Path file) throws IOException {
        long size = Files.size(file);
        if (size > MOST_BYTES) {
            throw new IOException(file.getFileName() + " has " + size + " bytes");
        }
        String text = new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
        int json = text.length() - CRC_DIGITS - 2;
        if (json < 0 || !text.substring(json).equals("\n" + crcText(text.substring(0, json)) + "\n")) {
            throw new IOException(file.getFileName() + " is torn or changed");
        }
        return JSON.readValue(text.substring(0, json), Facts.class);
    }

    private static String crcText(String json) {
        return new String(crc(json.getBytes(StandardCharsets.UTF_8)), StandardCharsets.US_ASCII);
    }

    private static byte[] crc(byte[] json) {
        CRC32C crc = new CRC32C();
        crc.update(json);
        return "%08x".formatted(crc.getValue()).getBytes(StandardCharsets.US_ASCII);
    }

    /** With the names that its files have now. */
    Summary summary(List<Path> now) {
        EncodeReport report = summary.report();
        List<String> dropped =
                report.droppedNames().stream().map(name -> renamed(name, now)).toList();
        return new Summary(
                new EncodeReport(
                        report.samples(),
                        report.dropped(),
                        dropped,
                        report.labelledTokens(),
                        report.totalTokens(),
                        report.findings()),
                summary.held(),
                summary.kept(),
                summary.text(),
                summary.fingerprint());
    }

    /** A sample is named by its file, and {@code :line} or {@code #index}. */
    private String renamed(String name, List<Path> now) {
        for (int file = 0; file < files.size(); file++) {
            String old = files.get(file);
            if (name.startsWith(old + ":") || name.startsWith(old + "#")) {
                return now.get(file) + name.substring(old.length());
            }
        }
        return name;
    }
}
