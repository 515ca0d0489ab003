/**
 * What this machine has and lacks for a run, and whether its backends compute what they promise.
 *
 * <p>Start at {@link tutti.deploy.doctor.Machine}, which reads {@code /proc}, {@code /sys} and {@code /dev/shm}; {@link
 * tutti.deploy.agent.AvailableMemory} is also what a run is held to before it starts; {@link tutti.deploy.doctor.Libraries}
 * loads the native libraries, and {@link tutti.deploy.doctor.SelfTest} runs the kernel contract. Called by {@code DoctorCommand},
 * the memory preflight, {@code tutti plan} and the benchmarks. Calls worker.tensor, worker.tensor.contract and worker.train.
 * Changes nothing on the machine.
 */
package tutti.deploy.doctor;
