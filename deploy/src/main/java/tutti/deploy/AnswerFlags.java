package tutti.deploy;

import static tutti.common.error.TuttiException.require;

import java.util.List;
import java.util.SplittableRandom;
import picocli.CommandLine.Option;
import tutti.worker.generate.Sampler;

/** How tokens are drawn and when a text ends, the same for every command that generates. */
final class AnswerFlags {
    @Option(names = "--temperature", defaultValue = "1", description = "0: greedy (default: 1)")
    private double temperature;

    @Option(names = "--top_k", defaultValue = "0", description = "sample from the so many likeliest; 0: all (default)")
    private int topK;

    @Option(
            names = "--top_p",
            defaultValue = "1",
            description = "sample from the smallest set this likely (default: 1)")
    private double topP;

    @Option(
            names = "--repetition_penalty",
            defaultValue = "1",
            description = "above 1: tokens that are there already, in the prompt too, become less likely (default: 1)")
    private double repetitionPenalty;

    @Option(names = "--seed", defaultValue = "42", description = "seed of the sampling (default: 42)")
    private long seed;

    @Option(names = "--max_new_tokens", defaultValue = "256", description = "most tokens to add (default: 256)")
    private int maxNewTokens;

    @Option(
            names = "--stop",
            paramLabel = "TEXT",
            description = "ends the text where TEXT would begin; may be given several times")
    private List<String> stops = List.of();

    /** Refuses what is wrong, before anything is loaded. */
    void check() {
        require(maxNewTokens >= 1, "--max_new_tokens=%d: at least 1", maxNewTokens);
        require(
                stops.stream().noneMatch(String::isEmpty),
                "--stop: an empty text would end every answer before it begins");
        sampler();
    }

    Sampler sampler() {
        return new Sampler(temperature, topK, topP, repetitionPenalty, new SplittableRandom(seed));
    }

    int maxNewTokens() {
        return maxNewTokens;
    }

    List<String> stops() {
        return stops;
    }
}
