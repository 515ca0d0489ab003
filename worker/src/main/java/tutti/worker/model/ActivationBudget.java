package tutti.worker.model;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.ToLongFunction;

/** Spends a budget of activation memory on the blocks of a model. */
final class ActivationBudget {
    private ActivationBudget() {}

    /**
     * Begins with {@link BlockPolicy#FULL} everywhere, which must fit, and buys greedily what saves most time a byte: first the
     * products of one block after another, then what is cheap to compute again.
     *
     * @param bytes what a choice for every block costs; never less when a block keeps more
     * @return one choice for each block
     */
    static List<BlockPolicy> spend(int layers, long budget, ToLongFunction<List<BlockPolicy>> bytes) {
        List<BlockPolicy> blocks = new ArrayList<>(Collections.nCopies(layers, BlockPolicy.FULL));
        buy(blocks, BlockPolicy.FULL, BlockPolicy.SELECTIVE, budget, bytes);
        buy(blocks, BlockPolicy.SELECTIVE, BlockPolicy.NONE, budget, bytes);
        return List.copyOf(blocks);
    }

    private static void buy(
            List<BlockPolicy> blocks,
            BlockPolicy from,
            BlockPolicy to,
            long budget,
            ToLongFunction<List<BlockPolicy>> bytes) {
        for (int layer = 0; layer < blocks.size(); layer++) {
            if (blocks.get(layer) == from) {
                blocks.set(layer, to);
                if (bytes.applyAsLong(blocks) > budget) {
                    // Every block costs the same: the next one would not fit either.
                    blocks.set(layer, from);
                    return;
                }
            }
        }
    }
}
