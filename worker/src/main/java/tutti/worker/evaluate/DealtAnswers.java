package tutti.worker.evaluate;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import tutti.common.token.Tokenizer;
import tutti.worker.generate.Generator;
import tutti.worker.generate.Sampler;
import tutti.worker.model.LlamaDecoder;
import tutti.worker.train.HeldOut.Question;
import tutti.worker.train.Trainer;

/**
 * Greedy answers to questions that are dealt round robin to the ranks. Answers differ in length by seconds, so ranks meet at each token:
 * none then waits for another longer than a token takes.
 *
 * @param doing for a person
 */
record DealtAnswers(Trainer trainer, LlamaDecoder decoder, Tokenizer tokenizer, int maxNewTokens, String doing) {

    /** All ranks call it and get all answers. */
    List<String> to(List<Question> questions) {
        List<String> answers = new ArrayList<>();
        int ranks = trainer.collectives().worldSize();
        try (Generator generator = Generator.on(decoder)) {
            for (int first = 0; first < questions.size(); first += ranks) {
                int mine = first + trainer.collectives().rank();
                int[] made = mine < questions.size() ? answer(generator, questions.get(mine)) : new int[0];
                awaitOthers();
                long[][] gathered = trainer.collectives().allGather("answers of an evaluation", told(made));
                Arrays.stream(gathered).limit(questions.size() - first).forEach(answer -> answers.add(text(answer)));
            }
        }
        return answers;
    }

    private int[] answer(Generator generator, Question question) {
        trainer.progress().at(doing);
        return generator.generate(
                question.ids(), maxNewTokens, Sampler.GREEDY, tokenizer.stopIds(), token -> meet(false));
    }

    private void awaitOthers() {
        boolean all = false;
        while (!all) {
            all = meet(true);
        }
    }

    /** @return whether all ranks have their answers of this round */
    private boolean meet(boolean ended) {
        trainer.progress().at(doing);
        return Arrays.stream(trainer.collectives().allGather("answering", new long[] {ended ? 1 : 0}))
                .allMatch(rank -> rank[0] == 1);
    }

    /** How many tokens, and they. */
    private long[] told(int[] made) {
        long[] values = new long[1 + maxNewTokens];
        values[0] = made.length;
        for (int i = 0; i < made.length; i++) {
            values[1 + i] = made[i];
        }
        return values;
    }

    private String text(long[] answer) {
        int[] ids = new int[(int) answer[0]];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = (int) answer[1 + i];
        }
        return tokenizer.decode(ids, true);
    }
}
