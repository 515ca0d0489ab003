package tutti.deploy.bench;

/**
 * One operation at one size.
 *
 * @param size what it works on, for people
 * @param flops of one call, for products and attention; else 0
 * @param bytes that one call must move, each input read once and each output written once, for operations that memory bounds; else
 *     0
 */
record KernelCase(String kernel, String size, double flops, double bytes, Runnable call) {}
