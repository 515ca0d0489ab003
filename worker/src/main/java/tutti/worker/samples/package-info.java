/**
 * The tokenised samples of a run: in memory, or, where the data set is large, in a file of the cache folder, from which they are read at
 * random. Both give the same samples, the same report and the same fingerprint.
 *
 * <p>Start at {@link tutti.worker.samples.LoadedSamples}; what it gives are {@link tutti.worker.samples.Samples}. {@code SampleEncoding}
 * makes them of files, as a stream, on several threads. {@link tutti.worker.samples.TokenCache} keeps them: an entry is a folder with the
 * tokens, an index and {@code Facts}, named by a hash over all that shapes samples ({@code EntryName}).
 *
 * <p>Called by worker.train. Calls common.dataset, common.token, and common.checkpoint for digests and the commit by rename. Knows
 * nothing of batches, ranks or epochs.
 */
package tutti.worker.samples;
