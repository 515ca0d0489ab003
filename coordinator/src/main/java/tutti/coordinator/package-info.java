/**
 * One process, no tensors: decides, remembers, shows. {@link tutti.coordinator.CoordinatorMain} wires and starts it.
 *
 * <p>Read the rooms in the order plan (pure), ledger, membership, run, console. A room imports only rooms before it.
 */
package tutti.coordinator;
