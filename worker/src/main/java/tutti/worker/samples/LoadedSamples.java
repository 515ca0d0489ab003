package tutti.worker.samples;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import tutti.common.token.ChatTemplates;
import tutti.common.token.TokenizedExample;

/**
 * Samples, and what there is to say of them.
 *
 * @param samples owned by the caller, who closes them
 * @param template of chats; empty where all samples were tokenised before
 * @param notes a line for each file that was read, and for the cache
 */
public record LoadedSamples(Samples samples, Summary summary, String template, List<String> notes) {
    /** Bytes of data files up to which all samples are kept in memory: seconds to tokenise, a fraction of a worker's heap. */
    public static final long SMALL = 64 << 20;

    /**
     * @param small bytes of files up to which nothing is written anywhere, see {@link #SMALL}
     * @param progress what is done now, for a person; called on this thread
     * @throws tutti.common.error.TuttiException (data, environment)
     */
    public static LoadedSamples load(SampleSource source, TokenCache cache, long small, Consumer<String> progress) {
        if (source.bytes() > small) {
            return cache.open(source, progress);
        }
        List<TokenizedExample> all = new ArrayList<>();
        Summary summary = SampleEncoding.run(source, all::add, progress);
        return of(source, new MemorySamples(List.copyOf(all)), summary, List.of());
    }

    static LoadedSamples of(SampleSource source, Samples samples, Summary summary, List<String> more) {
        List<String> notes = new ArrayList<>(source.paths().notes(summary.held()));
        notes.addAll(more);
        String template = summary.text() ? ChatTemplates.name(source.encoding().chatTemplate(), source.folder()) : "";
        return new LoadedSamples(samples, summary, template, notes);
    }
}
