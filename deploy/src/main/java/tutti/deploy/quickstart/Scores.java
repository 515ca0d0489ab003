package tutti.deploy.quickstart;

import java.util.List;
import java.util.Map;
import tutti.worker.generate.Evaluation;

/** An evaluation on the held-out samples. @param kinds kind of each question */
record Scores(Evaluation evaluation, Map<String, Sample.Kind> kinds) {
    List<Evaluation.Answer> answers(Sample.Kind kind) {
        return evaluation.answers().stream()
                .filter(answer -> kinds.get(answer.question()) == kind)
                .toList();
    }

    /** Share of exact answers, 0 to 1. */
    double exactMatch(Sample.Kind kind) {
        List<Evaluation.Answer> answers = answers(kind);
        return (double) answers.stream().filter(Evaluation.Answer::exact).count() / answers.size();
    }
}
