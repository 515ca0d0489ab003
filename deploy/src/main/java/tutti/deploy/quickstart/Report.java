package tutti.deploy.quickstart;

import static tutti.common.error.TuttiException.environment;

import java.io.IOException;
import java.io.PrintStream;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import tutti.worker.generate.Evaluation;

/** What the newcomer reads. */
record Report(PrintStream out, String command, QuickstartFolder folder) {
    private static final int STAGES = 4;
    private static final double WANTED_AFTER = 0.8;
    private static final double ALLOWED_BEFORE = 0.05;
    /** Answers of an untrained model are long and mean nothing. */
    private static final int SHOWN = 60;

    void stage(int number, String title) {
        print("%n[%d/%d] %s", number, STAGES, title);
    }

    void files(SampleSplit samples) {
        print("  %s   %,d samples", folder.train(), samples.train().size());
        print(
                "  %s   %,d samples; none of their answers occurs in training",
                folder.heldout(), samples.heldout().size());
        print("  %s   config.json and tokenizer of a small Llama", folder.model());
    }

    void command(Map<String, String> flags) {
        String words = flags.entrySet().stream()
                .map(flag -> "--" + flag.getKey() + " " + quoted(flag.getValue()))
                .collect(Collectors.joining(" \\\n      "));
        print("  the same by hand:%n    %s run \\%n      %s", command, words);
        out.flush();
    }

    void line(Scores scores) {
        Evaluation evaluation = scores.evaluation();
        print(
                "  loss %.4f | perplexity %.2f | exact match %.1f %% (%d of %d)",
                evaluation.lossPerToken(),
                evaluation.perplexity(),
                100 * evaluation.exactMatch(),
                evaluation.exact(),
                evaluation.total());
    }

    /** @param trained seconds of the run; total also has the data and both evaluations */
    void result(Scores before, Scores after, double trained, double total) {
        Evaluation old = before.evaluation();
        Evaluation now = after.evaluation();
        print("  %-26s %10s %10s", "on " + now.total() + " held-out samples", "before", "after");
        print("  %-26s %10.4f %10.4f", "loss (nats a token)", old.lossPerToken(), now.lossPerToken());
        print("  %-26s %10.2f %10.2f", "perplexity", old.perplexity(), now.perplexity());
        print("  %-26s %8.1f %% %8.1f %%", "exact match", 100 * old.exactMatch(), 100 * now.exactMatch());
        for (Sample.Kind kind : Sample.Kind.values()) {
            print(
                    "  %-26s %8.1f %% %8.1f %%",
                    "  " + kind.title(), 100 * before.exactMatch(kind), 100 * after.exactMatch(kind));
        }
        List<Evaluation.Answer> shown = now.answers().subList(0, Math.min(3, now.total()));
        for (int i = 0; i < shown.size(); i++) {
            Evaluation.Answer answer = shown.get(i);
            print("%n  question: %s", answer.question());
            print("  before:   %s", shortened(old.answers().get(i).given()));
            print(
                    "  after:    %s%s",
                    shortened(answer.given()), answer.exact() ? "" : "   (wanted: " + answer.wanted() + ")");
        }
        print("%n  %.0f s in all, %.0f s of them the run; the model lies in %s", total, trained, folder.run());
        if (now.exactMatch() <= WANTED_AFTER || old.exactMatch() >= ALLOWED_BEFORE) {
            print(
                    "  this run learned less than it should: exact match is to go from below %.0f %% to above %.0f %%",
                    100 * ALLOWED_BEFORE, 100 * WANTED_AFTER);
        }
        print("%n  next:");
        for (Sample.Kind kind : Sample.Kind.values()) {
            String question = after.answers(kind).get(0).question();
            print(
                    "    %s generate --model %s --chat --temperature 0 --prompt %s",
                    command, quoted(folder.run().toString()), quoted(question));
        }
        print(
                "    %s eval --model %s --data_path %s",
                command,
                quoted(folder.run().toString()),
                quoted(folder.heldout().toString()));
        keep(before, after, trained, total);
    }

    private void keep(Scores before, Scores after, double trained, double total) {
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("before", fields(before));
        result.put("after", fields(after));
        result.put("run_seconds", trained);
        result.put("total_seconds", total);
        try {
            folder.writeResult(result);
        } catch (IOException e) {
            throw environment("--output_dir %s: cannot be written: %s", folder.root(), e);
        }
    }

    private static Map<String, Object> fields(Scores scores) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("loss", scores.evaluation().lossPerToken());
        fields.put("perplexity", scores.evaluation().perplexity());
        fields.put("exact_match", scores.evaluation().exactMatch());
        for (Sample.Kind kind : Sample.Kind.values()) {
            fields.put("exact_match_" + kind.name().toLowerCase(Locale.ROOT), scores.exactMatch(kind));
        }
        return fields;
    }

    private static String shortened(String answer) {
        String line = answer.strip().replaceAll("\\s+", " ");
        return line.length() <= SHOWN ? line : line.substring(0, SHOWN) + "...";
    }

    /** As a shell reads it back. */
    private static String quoted(String word) {
        return word.matches("[\\w./,:+-]+") ? word : "'" + word.replace("'", "'\\''") + "'";
    }

    private void print(String format, Object... args) {
        out.println(String.format(Locale.ROOT, format, args));
    }
}
