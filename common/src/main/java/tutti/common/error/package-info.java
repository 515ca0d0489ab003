/**
 * What went wrong, for the person at the terminal at night: one line that says what, where, the value, the rule and the
 * likely fix, and a category that becomes the exit code.
 *
 * <p>Start at {@link tutti.common.error.TuttiException}. Called by every room; calls nothing.
 */
package tutti.common.error;
