/**
 * Who is here: {@link tutti.coordinator.membership.Membership} gathers workers until a generation is complete, watches them, tells
 * the run whom it lost, and gathers the next generation.
 *
 * <p>Called by workers (Join) and by the run actor. Calls coordinator.plan. Knows nothing of steps.
 */
package tutti.coordinator.membership;
