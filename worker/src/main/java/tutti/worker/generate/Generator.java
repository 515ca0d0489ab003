package tutti.worker.generate;

import static tutti.common.error.TuttiException.require;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Set;
import java.util.function.IntPredicate;
import tutti.worker.model.LlamaDecoder;
import tutti.worker.model.LlamaDecoder.Tail;

/** Decodes sequences, several at once. Owns the memory of their cache, unless it was given. Not thread-safe. */
public final class Generator implements AutoCloseable {
    private final LlamaDecoder decoder;
    private final Runnable free;
    /** The sequence that is in the first slot, or a longer one that begins with it. */
    private int[] held = {};

    /** @param free ends the decoder's memory */
    Generator(LlamaDecoder decoder, Runnable free) {
        this.decoder = decoder;
        this.free = free;
    }

    /** On a decoder whose memory is the caller's. */
    public static Generator on(LlamaDecoder decoder) {
        return new Generator(decoder, () -> {});
    }

    /**
     * A sequence to continue.
     *
     * @param listener hears each new token at once; false ends the sequence behind it
     */
    public record Request(int[] prompt, Sampler sampler, IntPredicate listener) {}

    /** Why a sequence ended. */
    public enum End {
        /** A stop token, or its listener. */
        STOPPED,
        /** It has as many new tokens as were asked for. */
        MAX_NEW_TOKENS,
        /** It has as many tokens as the cache. */
        CONTEXT_FULL
    }

    /** @param tokens the new ones, without a stop token */
    public record Made(int[] tokens, End end) {}

    /** Most tokens of one sequence, prompt included. */
    public int capacity() {
        return decoder.capacity();
    }

    /** Logits (V) after the last of these tokens. */
    public float[] logits(int[] tokens) {
        forget();
        return decoder.append(List.of(new Tail(0, tokens))).get(0);
    }

    /**
     * Continues prompts side by side, each until a stop token, its listener's word, {@code maxNewTokens}, or the end of the cache. One that
     * has ended is computed no more, and changes nothing for the others but the rounding of their logits.
     *
     * @param requests no more than there are slots
     * @param stop ids that end a text; they are not part of the result
     * @return in the order of the requests
     */
    public List<Made> generate(List<Request> requests, int maxNewTokens, Set<Integer> stop) {
        forget();
        List<Sequence> all = new ArrayList<>();
        List<Tail> tails = new ArrayList<>();
        for (Request request : requests) {
            Sequence sequence = new Sequence(all.size(), request, maxNewTokens, stop);
            tails.add(new Tail(sequence.slot, request.prompt()));
            all.add(sequence);
        }
        run(all, tails);
        return all.stream().map(Sequence::made).toList();
    }

    /** As {@link #generate} for one request; what its prompt shares with the sequence before is in the cache, and not computed again. */
    public Made resume(Request request, int maxNewTokens, Set<Integer> stop) {
        int[] prompt = request.prompt();
        int known = Math.min(held.length, decoder.length(0));
        int differs = Arrays.mismatch(held, 0, known, prompt, 0, prompt.length);
        // The last token is always computed: what follows it is asked for.
        int shared = Math.min(differs < 0 ? known : differs, prompt.length - 1);
        Sequence sequence = new Sequence(0, request, maxNewTokens, stop);
        decoder.cut(0, shared);
        held = new int[0];
        run(List.of(sequence), List.of(new Tail(0, Arrays.copyOfRange(prompt, shared, prompt.length))));
        held = Arrays.copyOf(prompt, prompt.length + sequence.count);
        System.arraycopy(sequence.tokens, 0, held, prompt.length, sequence.count);
        return sequence.made();
    }

    /** The next sequences begin with nothing. */
    private void forget() {
        held = new int[0];
        for (int slot = 0; slot < decoder.slots(); slot++) {
            decoder.cut(slot, 0);
        }
    }

    private void run(List<Sequence> begun, List<Tail> first) {
        List<Sequence> going = begun;
        List<Tail> tails = first;
        while (!going.isEmpty()) {
            List<float[]> logits = decoder.append(tails);
            List<Sequence> still = new ArrayList<>();
            tails = new ArrayList<>();
            for (int i = 0; i < going.size(); i++) {
                Sequence sequence = going.get(i);
                if (sequence.goesOn(logits.get(i))) {
                    still.add(sequence);
                    tails.add(new Tail(sequence.slot, sequence.tokens[sequence.count - 1]));
                }
            }
            going = still;
        }
    }

    @Override
    public void close() {
        free.run();
    }

    private final class Sequence {
        private final int slot;
        private final Request request;
        private final Set<Integer> stop;
        private final BitSet seen = new BitSet();
        private final int[] tokens;
        private int count;
        private End end;

        Sequence(int slot, Request request, int maxNewTokens, Set<Integer> stop) {
            int length = request.prompt().length;
            require(length > 0, "--prompt: has no token");
            require(
                    length <= capacity(),
                    "--prompt: %d tokens, more than the %d that there is room for",
                    length,
                    capacity());
            this.slot = slot;
            this.request = request;
            this.stop = stop;
            // One more than there is room for: the last one need not be in the cache.
            this.tokens = new int[Math.min(maxNewTokens, capacity() - length + 1)];
            this.end = tokens.length == maxNewTokens ? End.MAX_NEW_TOKENS : End.CONTEXT_FULL;
            Arrays.stream(request.prompt()).forEach(seen::set);
        }

        /** Takes the next token. */
        boolean goesOn(float[] logits) {
            int token = request.sampler().next(logits, seen);
            if (stop.contains(token)) {
                end = End.STOPPED;
                return false;
            }
            tokens[count++] = token;
            seen.set(token);
            if (!request.listener().test(token)) {
                end = End.STOPPED;
                return false;
            }
            return count < tokens.length;
        }

        Made made() {
            return new Made(Arrays.copyOf(tokens, count), end);
        }
    }
}
