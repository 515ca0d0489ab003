/**
 * The design as tests: who may import whom, what every room must have, what no code may do.
 *
 * <p>If one of them fails: read the name of the test and the Javadoc of its class. The usual repair is to move the new class to
 * the room that owns its concern, or to hand it the value that it tried to fetch. If the design itself should change, change
 * the table in {@link tutti.test.arch.Rooms} in a commit of its own that says why.
 */
package tutti.test.arch;
