/**
 * The quickstart: a data set, a tokenizer and a model of our own making, one run with two workers, and what it changed. Needs no
 * download.
 *
 * <p>Start at {@link tutti.deploy.quickstart.Quickstart#run}, which names every stage in order. {@link
 * tutti.deploy.quickstart.SampleSplit} says what makes a held-out question honest; {@link tutti.deploy.quickstart.Recipe} has
 * the size of the model and the flags of the run, and why.
 *
 * <p>Called by {@code tutti.deploy}. Calls worker.generate for the two evaluations and common.config for the run's settings.
 * Knows nothing of processes: who starts the run is handed in.
 */
package tutti.deploy.quickstart;
