package tutti.worker.tensor.nd4j;

import org.nd4j.linalg.api.ndarray.INDArray;

/** RMSNorm and rotary embedding on addresses of float32. Shapes as in Kernels. */
final class Nd4jNorm {
    private Nd4jNorm() {}

    static void rmsNorm(Call call, long out, long rstd, long x, long weight, double eps, long N, long C) {
        INDArray values = call.matrix(x, N, C);
        INDArray result = call.matrix(out, N, C);
        INDArray squares = call.matrix(call.temporary(N * C), N, C);
        Ops.multiply(squares, values, values);
        INDArray perRow = call.matrix(rstd, N, 1);
        meanOverChannels(call, perRow, squares, C);
        Ops.add(perRow, perRow, call.scalar(eps));
        Ops.sqrt(perRow, perRow);
        Ops.reciprocal(perRow, perRow);
        Ops.multiply(result, values, perRow);
        Ops.multiply(result, result, call.vector(weight, C));
    }

    /** With g = dOut * w and n = x * rstd: dx += rstd * (g - n * mean(g * n)), dWeight += sum over rows of dOut * n. */
    static void rmsNormBackward(
            Call call, long dx, long dWeight, long dOut, long x, long weight, long rstd, long N, long C) {
        INDArray perRow = call.matrix(rstd, N, 1);
        INDArray normed = call.matrix(call.temporary(N * C), N, C);
        Ops.multiply(normed, call.matrix(x, N, C), perRow);
        INDArray gradient = call.matrix(dOut, N, C);
        INDArray product = call.matrix(call.temporary(N * C), N, C);
        Ops.multiply(product, gradient, normed);
        Ops.matmul(call.matrix(dWeight, C, 1), product, true, call.ones(N), false, 1, 1);
        // The mean of g * n is that of (dOut * n) * w.
        Ops.multiply(product, product, call.vector(weight, C));
        INDArray mean = call.matrix(call.temporary(N), N, 1);
        meanOverChannels(call, mean, product, C);
        Ops.multiply(normed, normed, mean);
        Ops.multiply(product, gradient, call.vector(weight, C));
        Ops.subtract(product, product, normed);
        Ops.multiply(product, product, perRow);
        INDArray sum = call.matrix(dx, N, C);
        Ops.add(sum, sum, product);
    }

    private static void meanOverChannels(Call call, INDArray mean, INDArray x, long C) {
        Ops.matmul(mean, x, false, call.ones(C), false, 1, 0);
        Ops.divide(mean, mean, call.scalar(C));
    }

    /** Rotates x (N,H,D) in place; c, s (N,D/2) hold the rows of cos and sin at the positions. */
    static void rope(Call call, long x, long c, long s, boolean inverse, long N, long H, long D) {
        long half = D / 2;
        long[] sizes = {N, H, half};
        long[] steps = {H * D, D, 1};
        long[] dense = {H * half, half, 1};
        INDArray first = call.strided(x, sizes, steps);
        INDArray second = call.strided(x + half * Float.BYTES, sizes, steps);
        INDArray cos = call.strided(c, new long[] {N, 1, half}, new long[] {half, half, 1});
        INDArray sin = call.strided(s, new long[] {N, 1, half}, new long[] {half, half, 1});
        INDArray firstByCos = call.strided(call.temporary(N * H * half), sizes, dense);
        INDArray firstBySin = call.strided(call.temporary(N * H * half), sizes, dense);
        Ops.multiply(firstByCos, first, cos);
        Ops.multiply(firstBySin, first, sin);
        INDArray secondBySin = call.strided(call.temporary(N * H * half), sizes, dense);
        Ops.multiply(secondBySin, second, sin);
        Ops.multiply(second, second, cos);
        if (inverse) {
            Ops.add(first, firstByCos, secondBySin);
            Ops.subtract(second, second, firstBySin);
        } else {
            Ops.subtract(first, firstByCos, secondBySin);
            Ops.add(second, second, firstBySin);
        }
    }
}
