package tutti.worker.tensor.contract;

import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.Kernels;

/** All cases, in the order of {@link Kernels}. The list is the same in every process: shapes come from one seed. */
public final class Contract {
    /** Of the drawn shapes; the numbers inside hang on each case's name. */
    private static final long SEED = 20261122;

    private Contract() {}

    public static List<ContractCase> cases() {
        Sizes sizes = new Sizes(new Random(SEED));
        return Stream.of(
                        MemoryCases.all(),
                        ElementwiseCases.all(sizes),
                        MatmulCases.all(sizes),
                        EmbeddingCases.all(sizes),
                        RmsNormCases.all(sizes),
                        RopeCases.all(sizes),
                        AttentionCases.all(sizes),
                        SwiGluCases.all(sizes),
                        CrossEntropyCases.all(sizes),
                        DropoutCases.all(sizes),
                        QuantizationCases.all(sizes),
                        AdamWCases.all(sizes),
                        RepetitionCases.all())
                .flatMap(List::stream)
                .toList();
    }

    /** Every case in one dtype, one result each. */
    public static List<ContractResult> run(Kernels kernels, DType compute) {
        return cases().stream().map(one -> one.run(kernels, compute)).toList();
    }

    /** Draws the sizes of random cases: spread over the orders of magnitude, every fifth is 1, most are odd. */
    record Sizes(Random random) {
        int upTo(int most) {
            if (random.nextInt(5) == 0) {
                return 1;
            }
            int size = (int) Math.pow(most, random.nextDouble());
            return Math.min(most, random.nextInt(4) == 0 ? size : size | 1);
        }

        int below(int bound) {
            return random.nextInt(bound);
        }

        boolean coin() {
            return random.nextBoolean();
        }

        /** Tiny, usual or large. */
        double magnitude() {
            return new double[] {1e-6, 1, 1, 1e6}[random.nextInt(4)];
        }
    }
}
