/**
 * Who is here: {@link tutti.coordinator.membership.Membership} gathers workers until a generation is complete, watches them, and
 * tells the run.
 *
 * <p>Called by workers (Join) and by the run actor. Calls coordinator.plan. Knows nothing of steps.
 */
package tutti.coordinator.membership;
