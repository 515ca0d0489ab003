package tutti.worker.samples;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import tutti.common.checkpoint.FileDigest;
import tutti.common.token.ChatTemplates;
import tutti.common.token.Tokenizer;

/** An entry's name: a hash over all that its samples depend on. Where the files lie is not part of it, what they are called is. */
final class EntryName {
    /** Grows when the same files become other samples, or an entry's files get another layout. A test holds the samples to it. */
    static final int VERSION = 3;

    private static final JsonMapper JSON = new JsonMapper();

    private EntryName() {}

    /** @param content of the source's files, in their order */
    static String of(SampleSource source, List<FileDigest> content) throws IOException {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("version", VERSION);
        List<Path> files = source.paths().files();
        all.put("files", named(files, content));
        all.put("format", source.data().format());
        all.put("renamed", new TreeMap<>(source.data().renamed()));
        all.put("sample_by", source.data().sampleBy());
        all.put("answer_after", source.data().answerAfter());
        String wanted = source.encoding().chatTemplate();
        all.put("chat_template", ChatTemplates.toKeep(wanted).orElse(wanted));
        all.put("train_on", source.encoding().trainOn());
        all.put("over_length", source.encoding().overLength());
        List<Path> tokenizer = Tokenizer.files(source.folder());
        List<FileDigest> digests = new ArrayList<>();
        for (Path file : tokenizer) {
            digests.add(FileDigest.of(file));
        }
        all.put("tokenizer", named(tokenizer, digests));
        all.put("max_length", source.maxLength());
        all.put("vocabulary", source.vocabulary());
        try {
            return FileDigest.of(JSON.writeValueAsBytes(all)).sha256();
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The ending of a name tells what kind of file it is. */
    private static List<List<String>> named(List<Path> files, List<FileDigest> content) {
        List<List<String>> named = new ArrayList<>();
        for (int i = 0; i < files.size(); i++) {
            named.add(List.of(
                    files.get(i).getFileName().toString(), content.get(i).sha256()));
        }
        return named;
    }
}
