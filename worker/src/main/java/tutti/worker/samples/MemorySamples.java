package tutti.worker.samples;

import java.util.List;
import tutti.common.token.TokenizedExample;

/** All on the heap: for small data sets, and the twin that the file is held against. */
record MemorySamples(List<TokenizedExample> all) implements Samples {
    @Override
    public int count() {
        return all.size();
    }

    @Override
    public boolean inMemory() {
        return true;
    }

    @Override
    public int length(int number) {
        return all.get(number).length();
    }

    @Override
    public TokenizedExample get(int number) {
        return all.get(number);
    }

    @Override
    public void close() {}
}
