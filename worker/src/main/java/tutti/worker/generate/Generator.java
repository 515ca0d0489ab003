package tutti.worker.generate;

import static tutti.common.error.TuttiException.require;

import java.util.Set;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import tutti.worker.model.LlamaDecoder;
import tutti.worker.tensor.Arena;

/** Decodes one sequence at a time. Owns the memory of its cache. Not thread-safe. */
public final class Generator implements AutoCloseable {
    private final LlamaDecoder decoder;
    private final Arena memory;

    Generator(LlamaDecoder decoder, Arena memory) {
        this.decoder = decoder;
        this.memory = memory;
    }

    /** Logits (V) after the last of these tokens. */
    public float[] logits(int[] tokens) {
        decoder.reset();
        return decoder.append(tokens);
    }

    /**
     * Continues a prompt until a stop token, {@code maxNewTokens}, or the end of the cache.
     *
     * @param stop ids that end the text; they are not part of the result
     * @param listener hears each new token at once
     */
    public int[] generate(int[] prompt, int maxNewTokens, Sampler sampler, Set<Integer> stop, IntConsumer listener) {
        require(prompt.length > 0, "--prompt: has no token");
        require(
                prompt.length <= decoder.capacity(),
                "--prompt: %d tokens, more than the %d that the model takes",
                prompt.length,
                decoder.capacity());
        IntStream.Builder made = IntStream.builder();
        float[] logits = logits(prompt);
        for (int i = 0; i < maxNewTokens; i++) {
            int token = sampler.next(logits);
            if (stop.contains(token)) {
                break;
            }
            made.add(token);
            listener.accept(token);
            if (decoder.length() == decoder.capacity()) {
                break;
            }
            if (i + 1 < maxNewTokens) {
                logits = decoder.append(token);
            }
        }
        return made.build().toArray();
    }

    @Override
    public void close() {
        memory.close();
    }
}
