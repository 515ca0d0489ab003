/**
 * The {@code tutti} command: words and flags of the command line become {@code Settings} and {@code RunConfig}; failures become
 * one line and an exit code.
 *
 * <p>Start at {@link tutti.deploy.Tutti}, which has one method for each subcommand. {@link tutti.deploy.RunFlags} makes the
 * flags from {@code Keys}, so a new key needs no line here. Called by {@code bin/tutti} and, for its children, by the agent.
 * Calls {@code deploy.agent}, {@code deploy.quickstart}, {@code deploy.bench}, {@code worker} and {@code coordinator}.
 */
package tutti.deploy;
