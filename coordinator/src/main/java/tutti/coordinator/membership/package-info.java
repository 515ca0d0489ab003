/**
 * Who is here: {@link tutti.coordinator.membership.Membership} gathers workers until they are enough for a generation,
 * watches them, tells the run whom it lost and that more have come, and gathers the next generation.
 *
 * <p>Called by workers (Join) and by the run actor. Calls coordinator.plan. Knows nothing of steps.
 */
package tutti.coordinator.membership;
