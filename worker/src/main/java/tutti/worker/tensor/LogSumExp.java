package tutti.worker.tensor;

/** log(sum(exp(x))) without overflow: the largest x is taken out first. */
final class LogSumExp {
    private LogSumExp() {}

    static double of(double[] x) {
        double largest = Double.NEGATIVE_INFINITY;
        for (double value : x) {
            largest = Math.max(largest, value);
        }
        double sum = 0;
        for (double value : x) {
            sum += Math.exp(value - largest);
        }
        return largest + Math.log(sum);
    }
}
