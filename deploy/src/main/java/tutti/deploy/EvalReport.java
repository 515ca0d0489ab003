package tutti.deploy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import tutti.worker.generate.Evaluation;
import tutti.worker.generate.Evaluator;
import tutti.worker.generate.Metric;

/**
 * An evaluation for people and for programs.
 *
 * @param samples that were taken
 * @param shown most answers in it
 */
record EvalReport(Evaluation evaluation, Evaluator.Options options, int samples, int shown) {

    String json() {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("samples", samples);
        if (has(Metric.PERPLEXITY)) {
            fields.put("loss", evaluation.lossPerToken());
            fields.put("perplexity", evaluation.perplexity());
            fields.put("labelled_tokens", evaluation.labelled());
        }
        if (has(Metric.EXACT_MATCH)) {
            fields.put("rule", word());
            fields.put("exact_match", evaluation.exactMatch());
            fields.put("exact", evaluation.exact());
            fields.put("total", evaluation.total());
            fields.put("answers", answers());
        }
        try {
            return new ObjectMapper().writeValueAsString(fields);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    String text() {
        List<String> measured = new ArrayList<>();
        if (has(Metric.PERPLEXITY)) {
            measured.add(format("loss %.4f", evaluation.lossPerToken()));
            measured.add(format("perplexity %.2f", evaluation.perplexity()));
        }
        if (has(Metric.EXACT_MATCH)) {
            measured.add(format(
                    "exact match %.1f %% (%d of %d, by --rule %s)",
                    100 * evaluation.exactMatch(), evaluation.exact(), evaluation.total(), word()));
        }
        List<String> lines = new ArrayList<>(List.of(String.join(" | ", measured)));
        for (Evaluation.Answer answer : answers()) {
            lines.add("  question: " + answer.question());
            lines.add("  answer:   " + answer.given().strip()
                    + (answer.exact() ? "" : "   (wanted: " + answer.wanted() + ")"));
        }
        return String.join(System.lineSeparator(), lines);
    }

    /** What a person should know of the numbers. */
    List<String> notes() {
        List<String> notes = new ArrayList<>();
        if (evaluation.cut() > 0) {
            notes.add(format(
                    "%,d samples are longer than the model takes, or --model_max_length: their loss is that of their beginning",
                    evaluation.cut()));
        }
        if (evaluation.unanswered() > 0) {
            notes.add(format(
                    "%,d prompts are longer than the model takes, or --model_max_length: not answered, and counted as wrong",
                    evaluation.unanswered()));
        }
        return notes;
    }

    private List<Evaluation.Answer> answers() {
        return evaluation.answers().subList(0, Math.min(Math.max(0, shown), evaluation.total()));
    }

    private String word() {
        return options.rule().name().toLowerCase(Locale.ROOT);
    }

    private boolean has(Metric metric) {
        return options.metrics().contains(metric);
    }

    private static String format(String format, Object... values) {
        return String.format(Locale.ROOT, format, values);
    }
}
