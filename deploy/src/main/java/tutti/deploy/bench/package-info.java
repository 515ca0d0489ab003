/**
 * What {@code tutti bench} measures on the machine it runs on. {@link tutti.deploy.bench.StepBench}: whole optimizer steps of a
 * real run, by phase. {@link tutti.deploy.bench.KernelBench}: one operation at a time. Both set what they find against
 * {@link tutti.deploy.bench.Ceiling}, the fastest matrix product that the same backend reaches on the same threads in the same
 * command. {@link tutti.deploy.bench.AllReduceBench}: the collectives of a run between processes, with bandwidths as nccl-tests
 * define them; {@link tutti.deploy.bench.AllReduceRank} is what each of those processes does.
 *
 * <p>Start at {@link tutti.deploy.bench.Timing}, which all numbers of one process come from. Called by the command; starts runs
 * through a launcher that it is given.
 */
package tutti.deploy.bench;
