package tutti.worker.train;

import static tutti.common.error.TuttiException.data;
import static tutti.common.error.TuttiException.require;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import tutti.common.dataset.Completion;
import tutti.common.dataset.Conversation;
import tutti.common.dataset.Example;
import tutti.common.dataset.Role;
import tutti.common.dataset.Turn;
import tutti.common.error.Category;
import tutti.common.token.ExampleEncoder;
import tutti.common.token.TokenizedExample;
import tutti.worker.train.HeldOut.Question;

/** What of held-out samples the model is asked for, and what it should say: the last answer of each. */
final class Questions {
    private Questions() {}

    /**
     * Of those whose prompt fits, and a token behind it: of others nothing is learned either.
     *
     * @param encoder that labels the last answer alone
     */
    static List<Question> of(List<Example> examples, ExampleEncoder encoder) {
        List<Question> questions = new ArrayList<>();
        for (Example example : examples) {
            Example answered = upToItsLastAnswer(example);
            if (answered instanceof Conversation chat && chat.turns().isEmpty()) {
                continue;
            }
            TokenizedExample tokens = encoder.encode(answered);
            int answer = IntStream.range(0, tokens.length())
                    .filter(i -> tokens.labels()[i] != TokenizedExample.IGNORED)
                    .findFirst()
                    .orElse(0);
            if (answer > 0) {
                questions.add(
                        new Question(example.source(), Arrays.copyOf(tokens.inputIds(), answer), wanted(answered)));
            }
        }
        require(
                !questions.isEmpty(),
                Category.DATA,
                "--eval_metric exact_match: none of %,d samples has a question that fits into --model_max_length, and an answer",
                examples.size());
        return questions;
    }

    private static Example upToItsLastAnswer(Example example) {
        if (example instanceof Completion) {
            return example;
        }
        if (!(example instanceof Conversation chat)) {
            throw data(
                    "%s: exact match needs a question and its answer, not token ids or running text; --answer_after tells where the "
                            + "answer of a text begins",
                    example.source());
        }
        List<Turn> turns = new ArrayList<>(chat.turns());
        while (!turns.isEmpty() && turns.get(turns.size() - 1).role() != Role.ASSISTANT) {
            turns.remove(turns.size() - 1);
        }
        if (!turns.isEmpty()) {
            Turn last = turns.remove(turns.size() - 1);
            turns.add(new Turn(last.role(), last.text()));
        }
        return new Conversation(chat.source(), turns, chat.tools());
    }

    private static String wanted(Example answered) {
        return answered instanceof Completion completion
                ? completion.completion()
                : last(((Conversation) answered).turns()).text();
    }

    private static Turn last(List<Turn> turns) {
        return turns.get(turns.size() - 1);
    }
}
