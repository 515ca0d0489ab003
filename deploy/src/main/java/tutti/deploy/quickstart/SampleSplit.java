package tutti.deploy.quickstart;

import static tutti.common.error.TuttiException.bug;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Training samples and held-out samples, half of each kind, the same for the same seed. No question occurs twice, and no answer
 * of a held-out sample is an answer in training: who knows 23 + 45 by heart from another story gains nothing.
 */
record SampleSplit(List<Sample> train, List<Sample> heldout) {
    SampleSplit {
        train = List.copyOf(train);
        heldout = List.copyOf(heldout);
        requireDisjoint(train, heldout, Sample::question);
        requireDisjoint(train, heldout, Sample::answer);
    }

    static SampleSplit draw(long seed, int train, int heldout) {
        SplittableRandom random = new SplittableRandom(seed);
        Set<String> questions = new HashSet<>();
        Set<String> keptBack = new HashSet<>();
        List<Sample> held = new ArrayList<>();
        while (held.size() < heldout) {
            Sample sample = next(random, held.size());
            if (questions.add(sample.question()) && keptBack.add(sample.answer())) {
                held.add(sample);
            }
        }
        List<Sample> learned = new ArrayList<>();
        while (learned.size() < train) {
            Sample sample = next(random, learned.size());
            if (!keptBack.contains(sample.answer()) && questions.add(sample.question())) {
                learned.add(sample);
            }
        }
        return new SampleSplit(learned, held);
    }

    /** Kinds in turns, so that any first part of a list is balanced too. */
    private static Sample next(SplittableRandom random, int index) {
        return index % 2 == 0 ? WordProblems.draw(random) : TableQuestions.draw(random);
    }

    /** All words that occur, for the tokenizer. */
    Stream<String> texts() {
        return train.stream().flatMap(sample -> Stream.of(" " + sample.question(), " " + sample.answer()));
    }

    /** Writes samples as a Vicuna data file. */
    static void write(Path file, String idPrefix, List<Sample> samples) throws IOException {
        List<Object> conversations = IntStream.range(0, samples.size())
                .<Object>mapToObj(i -> conversation(idPrefix + i, samples.get(i)))
                .toList();
        Files.createDirectories(file.getParent());
        new ObjectMapper().writerWithDefaultPrettyPrinter().writeValue(file.toFile(), conversations);
    }

    private static Map<String, Object> conversation(String id, Sample sample) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("id", id);
        fields.put("conversations", List.of(turn("human", sample.question()), turn("gpt", sample.answer())));
        return fields;
    }

    private static Map<String, String> turn(String from, String value) {
        return new TreeMap<>(Map.of("from", from, "value", value));
    }

    private static void requireDisjoint(List<Sample> train, List<Sample> heldout, Function<Sample, String> part) {
        Set<String> seen = train.stream().map(part).collect(Collectors.toSet());
        heldout.stream().map(part).filter(seen::contains).findAny().ifPresent(text -> {
            throw bug("the quickstart's held-out sample '%s' is among its training samples", text);
        });
    }
}
