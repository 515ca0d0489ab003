/**
 * Named tensors to and from disk: {@link tutti.worker.checkpoint.WeightLoader} fills a replica, {@link
 * tutti.worker.checkpoint.PartWriter} writes this rank's part of a checkpoint while training goes on, {@link
 * tutti.worker.checkpoint.CheckpointWriter} knows what is in it and writes the final model, {@link
 * tutti.worker.checkpoint.OptimizerShards} reads what all ranks wrote.
 *
 * <p>Rank 0 writes the model and the trainer's state; every rank writes the optimizer state of its shard, or of its share of the weights
 * where all hold all. A checkpoint written by any number of ranks is read by any other. Called by worker.train and worker.agent. Calls
 * common.checkpoint for the file format. It commits nothing: the coordinator does.
 */
package tutti.worker.checkpoint;
