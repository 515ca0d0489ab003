/**
 * Training examples as they lie on disk, in a stable order: first file to last, first sample to last, so that every process
 * that loads the same paths counts the same samples.
 *
 * <p>Start at {@link tutti.common.dataset.Datasets}; what it gives is an {@link tutti.common.dataset.Example}. {@link
 * tutti.common.dataset.DataFile} makes rows of a file, whatever kind of file it is; {@link tutti.common.dataset.SampleFormats} makes
 * an example of a row, whatever it was read from.
 *
 * <p>Called by common.token, which turns examples into token ids, and by the worker and the {@code tutti data} command that
 * load them. Calls common.config and common.error. Knows nothing of tokenizers, ranks or epochs; shuffling and sharding are in common.shard.
 */
package tutti.common.dataset;
