package tutti.test.support;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/** The run of {@code fixtures/stories260k/train_spec.json} and what PyTorch in float64 made of it. */
public final class TrainSpec {
    private static final int IGNORED = -100;

    private TrainSpec() {}

    public static Path model() {
        return Shared.path("models/stories260k");
    }

    /** Writes the samples as pretokenised JSON Lines. */
    public static Path writeData(Path folder) throws IOException {
        JsonNode spec = Shared.json("fixtures/stories260k/train_spec.json");
        StringBuilder lines = new StringBuilder();
        for (int i = 0; i < spec.path("sequences").size(); i++) {
            JsonNode sequence = spec.path("sequences").get(i);
            lines.append(line(sequence, labels(spec, i, 0, sequence.size())));
        }
        return Files.writeString(folder.resolve("train.jsonl"), lines);
    }

    /**
     * The same steps with one sample more in each, for a rank more than they have samples: the last one comes twice, each time with
     * half of its labels. A step's loss and gradient are sums over its labels, so they stay what they are.
     */
    public static Path writeDataForOneMore(Path folder) throws IOException {
        JsonNode spec = Shared.json("fixtures/stories260k/train_spec.json");
        int globalBatch = spec.path("global_batch").asInt();
        StringBuilder lines = new StringBuilder();
        for (int i = 0; i < spec.path("sequences").size(); i++) {
            JsonNode sequence = spec.path("sequences").get(i);
            int length = sequence.size();
            int cut =
                    (i + 1) % globalBatch == 0 ? middleLabel(spec.path("labels").get(i)) : length;
            lines.append(line(sequence, labels(spec, i, 0, cut)));
            if (cut < length) {
                lines.append(line(sequence, labels(spec, i, cut, length)));
            }
        }
        return Files.writeString(folder.resolve("train-one-more.jsonl"), lines);
    }

    private static int middleLabel(JsonNode labels) {
        int[] places = IntStream.range(0, labels.size())
                .filter(at -> labels.get(at).asInt() != IGNORED)
                .toArray();
        return places[places.length / 2];
    }

    /** Those of sample {@code i} from {@code from} to {@code to}; the others are ignored. */
    private static List<Integer> labels(JsonNode spec, int i, int from, int to) {
        JsonNode all = spec.path("labels").get(i);
        return IntStream.range(0, all.size())
                .mapToObj(at -> from <= at && at < to ? all.get(at).asInt() : IGNORED)
                .toList();
    }

    private static String line(JsonNode sequence, List<Integer> labels) {
        return "{\"input_ids\":%s,\"labels\":%s}\n".formatted(sequence, labels);
    }

    /** Tokens of the longest sample. */
    public static int longest() {
        int longest = 0;
        for (JsonNode sequence :
                Shared.json("fixtures/stories260k/train_spec.json").path("sequences")) {
            longest = Math.max(longest, sequence.size());
        }
        return longest;
    }

    /** Flags of the run, split into micro-batches of {@code batch} and accumulation over {@code accumulation} of them. */
    public static Map<String, String> flags(Path data, Path output, int batch, int accumulation) {
        JsonNode spec = Shared.json("fixtures/stories260k/train_spec.json");
        Map<String, String> flags = new LinkedHashMap<>();
        flags.put("model_name_or_path", model().toString());
        flags.put("data_path", data.toString());
        flags.put("output_dir", output.toString());
        flags.put("shuffle", "False");
        flags.put("max_steps", spec.path("steps").asText());
        flags.put("learning_rate", spec.path("learning_rate").asText());
        flags.put("weight_decay", spec.path("weight_decay").asText());
        flags.put("warmup_steps", spec.path("warmup_steps").asText());
        flags.put("lr_scheduler_type", spec.path("schedule").asText());
        flags.put("max_grad_norm", spec.path("max_grad_norm").asText());
        flags.put("per_device_train_batch_size", Integer.toString(batch));
        flags.put("gradient_accumulation_steps", Integer.toString(accumulation));
        flags.put("save_strategy", "no");
        return flags;
    }

    public static List<Double> expected(String what) {
        List<Double> values = new ArrayList<>();
        Shared.json("fixtures/stories260k/train_expected.json").path(what).forEach(v -> values.add(v.asDouble()));
        return values;
    }

    public static Map<String, Double> expectedNorms() {
        Map<String, Double> norms = new LinkedHashMap<>();
        Shared.json("fixtures/stories260k/train_expected.json")
                .path("final_weight_norms")
                .properties()
                .forEach(e -> norms.put(e.getKey(), e.getValue().asDouble()));
        return norms;
    }
}
