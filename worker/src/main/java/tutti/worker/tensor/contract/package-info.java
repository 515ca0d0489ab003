/**
 * What every backend promises, as data: seeded cases for each operation of {@link tutti.worker.tensor.Kernels}, run on a backend
 * in one compute dtype against {@link tutti.worker.tensor.ReferenceKernels} in float64.
 *
 * <p>Start at {@link tutti.worker.tensor.contract.Contract}; {@link tutti.worker.tensor.contract.Tolerance} is the table of what
 * an error may be, and why. The cases lie in one file per family and read like a specification. {@link
 * tutti.worker.tensor.contract.SideBySide} is what a case is written with: besides the numbers it holds every call to the same
 * bits on repetition, to inputs left alone and to bytes outside of every tensor left alone.
 *
 * <p>Called by the worker's tests, so by every build, and by {@code tutti doctor --selftest} on a user's machine. Knows no
 * backend but the reference.
 */
package tutti.worker.tensor.contract;
