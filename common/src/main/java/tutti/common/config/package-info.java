/**
 * What the user asked for. Flags, {@code --config} YAML and environment meet in {@link tutti.common.config.Settings}; each
 * concern is one record that reads its own keys once and cannot exist in a wrong state; {@link
 * tutti.common.config.RunConfig} is all of them together.
 *
 * <p>Start at {@link tutti.common.config.Keys}, the table of every flag with its default and its meaning. Called by every
 * process when it starts. Calls {@code common.error}. Opens no file but the {@code --config} one.
 */
package tutti.common.config;
