/** Numbers against PyTorch's: the same run on our kernels, split in every way, must give the same losses. */
package tutti.test.numeric;
