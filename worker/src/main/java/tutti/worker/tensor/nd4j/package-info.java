/**
 * The kernels on ND4J: its arrays, its operations and its BLAS, on the CPU with nd4j-native or, built with the Maven profile {@code
 * nd4j-cuda}, on a GPU. The only room that imports ND4J.
 *
 * <p>Start at {@link tutti.worker.tensor.nd4j.Nd4jKernels}: each method checks shapes and opens a {@code Call}. A call lays ND4J
 * arrays over tensors and over {@code Scratch}, runs the operations named in {@code Ops}, and frees all of it when it closes.
 * What takes more than a few lines has a file of its own. Called through {@link tutti.worker.tensor.Kernels}; held to {@link
 * tutti.worker.tensor.ReferenceKernels} by the contract suite. Knows nothing of models or other processes.
 *
 * <p>BF16 is a way to store: values are widened to float32, every product and every other step is float32, and the result is rounded
 * once. ND4J's own bfloat16 products are plain loops, hundreds of times slower.
 *
 * <p>ND4J frees arrays when Java's garbage collector finds them, on threads of its own. Here that is switched off for the whole
 * process: every array of this room is freed by the call that made it, so nothing of ND4J may be used outside of a call. Only the
 * shells of arrays, without memory, stay in {@code Shells}, which grows with the number of distinct shapes until the kernels close.
 */
package tutti.worker.tensor.nd4j;
