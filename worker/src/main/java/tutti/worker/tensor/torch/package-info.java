/**
 * The kernels on libtorch, through the JavaCPP presets: the fast backend, and the only room that imports libtorch.
 *
 * <p>Start at {@link tutti.worker.tensor.torch.TorchKernels}: each method checks shapes, opens a scope that frees every native
 * temporary, and calls libtorch. What takes more than a few lines has a file of its own, named for the operation. All temporaries
 * of a call lie in one block, {@code TorchScratch}, whose size {@link tutti.worker.tensor.torch.TorchWorkspace} knows
 * beforehand. Called through {@link tutti.worker.tensor.Kernels};
 * held to {@link tutti.worker.tensor.ReferenceKernels} by the contract suite. Knows nothing of models or other processes.
 *
 * <p>Two traps of JavaCPP, met here: an in-place call ({@code x.add_(y)}) hands back its own argument, so closing the result
 * closes the argument; and a handle made inside a {@code PointerScope} dies with the scope, so handles that outlive a call
 * are made outside, or retained.
 */
package tutti.worker.tensor.torch;
