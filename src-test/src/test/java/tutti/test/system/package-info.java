/**
 * The program as people run it: real processes through {@code deploy/bin/tutti}, on the distribution that the build has just
 * assembled. Each test starts its own processes and asserts that none of them, and nothing in shared memory, is left.
 *
 * <p>Start at {@link tutti.test.system.TuttiProcess}; {@link tutti.test.system.Hosts} gives it a network of its own. A test that
 * waits, waits for a line, a file or an end, with a deadline of minutes: the machine may be busy.
 */
package tutti.test.system;
