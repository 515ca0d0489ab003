/**
 * The window into a run: one small Netty server with a page, a JSON API, a WebSocket that pushes every step, Prometheus
 * metrics and health probes. It only shows; nothing that comes in over HTTP changes a run.
 *
 * <p>Start at {@link tutti.coordinator.console.ConsoleServer}; {@code ConsoleInitializer} lists what a request passes, top to
 * bottom: {@code SecurityHeaders}, {@code GateHandler} (who may ask), {@code ConsoleHandler} (what is answered),
 * {@code LiveHandler} (the WebSocket). The page is in {@code resources/tutti/console}.
 *
 * <p>Called by CoordinatorMain. Calls {@link tutti.coordinator.run} and common. Knows nothing of actors or of who publishes.
 */
package tutti.coordinator.console;
