/**
 * What lies in a checkpoint or a Hugging Face model folder: safetensors files, the manifest with sizes and hashes, and the
 * commit by rename that makes a folder appear whole or not at all.
 *
 * <p>To read weights start at {@link tutti.common.checkpoint.ModelFolder} (one file: {@link
 * tutti.common.checkpoint.SafetensorsFile}); to write them at {@link tutti.common.checkpoint.SafetensorsWriter}. A
 * checkpoint's life is {@link tutti.common.checkpoint.CommitDir} (begin, fill, commit) and then {@link
 * tutti.common.checkpoint.Checkpoints} (newest whole one, prune).
 *
 * <p>Called by worker.model and worker.checkpoint, which own the tensors, and by the coordinator, which decides which
 * checkpoint is the last one. Knows nothing of models, optimizers or devices: a tensor here is a name, a type, a shape and
 * bytes.
 */
package tutti.common.checkpoint;
