package tutti.worker.tensor.torch;

import tutti.worker.tensor.Device;

/**
 * How much a kernel takes at once: on a CPU what several passes find in the cache, on CUDA what keeps the device busy while the host
 * prepares the next call. A change of these sizes changes the order of sums, and so the last bits.
 *
 * @param bf16 how products of BF16 are taken
 * @param rows elements of the rows that norms, rotations and SwiGLU take: 2 MB of float32 on a CPU
 * @param tile queries of attention: small tiles skip more above the diagonal, large ones make better products
 * @param scores elements of attention's scores, and of its keys
 * @param chunk rows of the cross-entropy: the gradient of the head is added once for each
 * @param block rows of the head in one product
 * @param logits float32 elements of a softmax over the vocabulary
 * @param sum elements of a BF16 product that are widened to be added to float32
 * @param update elements of AdamW: their weights are 4 MB on a CPU
 * @param squares elements whose squares are summed: 1 MB of float64 on a CPU
 */
record Tuning(
        Bf16Products bf16,
        long rows,
        long tile,
        long scores,
        long chunk,
        long block,
        long logits,
        long sum,
        long update,
        long squares) {

    static Tuning on(Device device) {
        return device.cuda() ? cuda() : cpu(Bf16Products.here());
    }

    static Tuning cpu(Bf16Products bf16) {
        return new Tuning(bf16, 1L << 19, 128, 1L << 20, 512, 4096, 1L << 19, 1L << 18, 1L << 20, 1L << 17);
    }

    static Tuning cuda() {
        return new Tuning(
                Bf16Products.natively("on a CUDA device"),
                1L << 24,
                512,
                1L << 25,
                4096,
                1L << 17,
                1L << 27,
                1L << 25,
                1L << 26,
                1L << 22);
    }
}
