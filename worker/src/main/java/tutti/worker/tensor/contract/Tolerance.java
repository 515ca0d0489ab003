package tutti.worker.tensor.contract;

import tutti.worker.tensor.DType;

/**
 * Largest error that a result may have, over the largest expected magnitude of its tensor unless a case says over each element.
 * By the compute dtype of the call; inputs count as exact, since they are rounded before either side sees them.
 *
 * <p>Half a step of float64 is 2^-53 = 1.1e-16, of float32 2^-24 = 6e-8, of bfloat16 2^-8 = 3.9e-3 of a value just above a power
 * of two. Float64 columns are for a backend that computes in it; the reference against itself is off by nothing.
 */
public enum Tolerance {
    /** The one right answer: nothing is computed, or a single operation is rounded to the nearest value, ties to even. */
    EXACT(0, 0, 0),
    /** Summed in float64 whatever the dtype of the elements: only the order of the sum is free. */
    FLOAT64(1e-12, 1e-12, 1e-12),
    /** A few steps computed and kept in the master dtype, whatever the activations are. */
    MASTER(1e-14, 6e-7, 6e-7),
    /** Up to a thousand terms added one after the other in the master dtype: about the root of so many half steps. */
    MASTER_SUM(1e-14, 2e-6, 2e-6),
    /** A few steps in float32, the result rounded to the compute dtype; beside half a step of bfloat16 float32 is nothing. */
    ROUNDED(1e-14, 6e-7, 4e-3),
    /** A product of matrices, rounded to the compute dtype: a sum as above, of up to a thousand terms. */
    PRODUCT(1e-14, 2e-6, 4e-3),
    /** The same, added to something: a backend may round the product before it adds, and the sum again. */
    PRODUCT_ADDED(2e-14, 2e-6, 8e-3),
    /** Rounded, then added to something that is rounded again. */
    ROUNDED_TWICE(2e-14, 1.2e-6, 8e-3),
    /** Three elementwise steps, each rounded to the compute dtype. */
    ROUNDED_THRICE(3e-14, 1.8e-6, 1.2e-2),
    /**
     * Behind a softmax. A score of a hundred is off by 6e-6 in float32, a score of 8 by up to 0.031 where its product is rounded
     * to bfloat16, and exp passes on as much.
     */
    SOFTMAX(1e-12, 5e-6, 2e-2),
    /** Behind a softmax of scores of a hundred, which are off by up to 0.25 where their product is rounded to bfloat16. */
    SOFTMAX_OF_LARGE(1e-12, 5e-6, 8e-2),
    /** The gradient through a softmax: its error, that of the products before and after, and differences that cancel. */
    SOFTMAX_GRADIENT(4e-12, 2e-5, 8e-2);

    private final double f64;
    private final double f32;
    private final double bf16;

    Tolerance(double f64, double f32, double bf16) {
        this.f64 = f64;
        this.f32 = f32;
        this.bf16 = bf16;
    }

    public double of(DType compute) {
        return switch (compute) {
            case F64 -> f64;
            case F32 -> f32;
            case BF16 -> bf16;
            case I64, I32, U8 -> throw new IllegalArgumentException("not a compute dtype: " + compute);
        };
    }
}
