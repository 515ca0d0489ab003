package tutti.test.numeric;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tutti.common.config.DataConfig;
import tutti.common.config.EncodingConfig;
import tutti.common.config.EncodingConfig.OverLength;
import tutti.common.config.EncodingConfig.TrainOn;
import tutti.test.support.Shared;
import tutti.test.support.TrainSpec;
import tutti.worker.samples.LoadedSamples;
import tutti.worker.samples.SampleSource;
import tutti.worker.samples.Samples;
import tutti.worker.samples.TokenCache;

/** Text and chats through a real tokenizer: in memory, into a file of the cache, and out of it, all the same. */
class CachedSamplesTest {
    private static final int VOCABULARY = 512;

    @TempDir
    Path cache;

    @ParameterizedTest
    @CsvSource({
        "data/dummy_conversation.json, '', ASSISTANT",
        "data/dummy_conversation.json, chatml, COMPLETION",
        "data/identity.json, alpaca, ALL",
        "data/glaive_toolcall_en_demo.json, chatml, ASSISTANT",
        "data/wikisql/valid.jsonl, '', ASSISTANT",
    })
    void shouldBeWhatTheyAreInMemory(String data, String template, TrainOn trainOn) {
        SampleSource source = source(data, template, trainOn, 200, 2);
        LoadedSamples memory = load(source, Long.MAX_VALUE);
        assertThat(cache).as("small data are kept nowhere").isEmptyDirectory();
        LoadedSamples written = load(source, 0);
        LoadedSamples known = load(source, 0);
        for (LoadedSamples file : List.of(written, known)) {
            try (Samples samples = file.samples()) {
                assertThat(all(samples)).isEqualTo(all(memory.samples()));
            }
            assertThat(file.summary()).isEqualTo(memory.summary());
            assertThat(file.template()).isEqualTo(memory.template()).isNotEmpty();
            assertThat(file.notes()).hasSize(2).contains(memory.notes().get(0));
        }
        assertThat(written.notes().get(1)).startsWith("data: tokens are kept in " + cache);
        assertThat(known.notes().get(1)).startsWith("data: tokens come from " + cache);
        assertThat(load(source(data, template, trainOn, 200, 5), Long.MAX_VALUE).summary())
                .as("with other threads")
                .isEqualTo(memory.summary());
    }

    /**
     * If this fails, the same files become other samples than those that lie in people's caches: VERSION in EntryName has to grow, then
     * put the new fingerprints here.
     */
    @Test
    void shouldBecomeOtherSamplesWithANewVersionOnly() throws IOException {
        Path callsAsMessages = Files.writeString(
                cache.resolve("qwen2.5.jinja"),
                Shared.json("fixtures/chat-templates/rendered.json")
                        .at("/templates/qwen2.5/template")
                        .asText());
        List<String> fingerprints = List.of(
                load(source("data/dummy_conversation.json", "", TrainOn.ASSISTANT, 512, 1), Long.MAX_VALUE)
                        .summary()
                        .fingerprint(),
                load(source("data/glaive_toolcall_en_demo.json", "chatml", TrainOn.ALL, 512, 1), Long.MAX_VALUE)
                        .summary()
                        .fingerprint(),
                load(
                                source(
                                        "data/glaive_toolcall_en_demo.json",
                                        callsAsMessages.toString(),
                                        TrainOn.ASSISTANT,
                                        512,
                                        1),
                                Long.MAX_VALUE)
                        .summary()
                        .fingerprint());
        assertThat(fingerprints)
                .containsExactly(
                        "fd04c755bf1beb404f3f2d29854c9033322b0351764bef04cf62f888db97d4d8",
                        "861ad6f28f36b867463d1a5e8ec4b20d0ee2c0d0690dce2c7f9c29bc08642d15",
                        "dd6090c69b8ae66fe872d66a04ec2b7f5ccac382ed16f14978b0988a0b0c4aab");
    }

    private static SampleSource source(String data, String template, TrainOn trainOn, int maxLength, int threads) {
        return SampleSource.of(
                new DataConfig(List.of(Shared.path(data))),
                new EncodingConfig(template, trainOn, OverLength.TRUNCATE),
                TrainSpec.model(),
                maxLength,
                VOCABULARY,
                threads);
    }

    private LoadedSamples load(SampleSource source, long small) {
        return LoadedSamples.load(source, new TokenCache(cache), small, doing -> {});
    }

    private static List<List<String>> all(Samples samples) {
        return IntStream.range(0, samples.count())
                .mapToObj(samples::get)
                .map(one -> List.of(Arrays.toString(one.inputIds()), Arrays.toString(one.labels())))
                .toList();
    }
}
