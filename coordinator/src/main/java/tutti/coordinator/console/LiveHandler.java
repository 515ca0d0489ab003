package tutti.coordinator.console;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.websocketx.PingWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketServerProtocolHandler.HandshakeComplete;
import io.netty.util.concurrent.Future;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tutti.common.metrics.StepMetrics;
import tutti.coordinator.run.RunStatus;
import tutti.coordinator.run.StatusBoard;

/**
 * One open page. Pushes {@code {"type":"status","status":{..}}} at once and after each change, and
 * {@code {"type":"step","step":{..}}} for each step, in order. A page that reads too slowly gets the newest status and
 * misses the oldest of the waiting steps, which {@code {"type":"missed"}} tells it; nothing piles up. What came before or was
 * missed is at {@code /api/steps}.
 *
 * <p>Publishers only leave their notice in the mailbox; JSON is written on the connection's own thread.
 */
final class LiveHandler extends SimpleChannelInboundHandler<WebSocketFrame> implements StatusBoard.Listener {
    private static final Logger log = LoggerFactory.getLogger(LiveHandler.class);
    private static final int MAX_WAITING_STEPS = 256;
    /** A third of the idle limit: the browser's pongs keep a silent connection open, a dead one is noticed. */
    private static final int PING_SECONDS = 20;

    private final StatusBoard board;
    private final Deque<StepMetrics> waitingSteps = new ArrayDeque<>(); // guarded by itself, as the next three
    private RunStatus waitingStatus;
    private boolean missed;
    private boolean woken;

    private StatusBoard.Subscription subscription;
    private Future<?> pings;
    private ChannelHandlerContext context;

    LiveHandler(StatusBoard board) {
        this.board = board;
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) throws Exception {
        if (event instanceof HandshakeComplete) {
            context = ctx;
            pings = ctx.executor()
                    .scheduleAtFixedRate(
                            () -> ctx.writeAndFlush(new PingWebSocketFrame()),
                            PING_SECONDS,
                            PING_SECONDS,
                            TimeUnit.SECONDS);
            subscription = board.follow(this);
        }
        super.userEventTriggered(ctx, event);
    }

    @Override
    public void onStatus(RunStatus status) {
        synchronized (waitingSteps) {
            waitingStatus = status;
            wake();
        }
    }

    @Override
    public void onStep(StepMetrics step) {
        synchronized (waitingSteps) {
            if (waitingSteps.size() == MAX_WAITING_STEPS) {
                waitingSteps.removeFirst();
                missed = true;
            }
            waitingSteps.addLast(step);
            wake();
        }
    }

    /** At most one task waits on the connection's thread, however many notices come. */
    private void wake() {
        if (!woken) {
            woken = true;
            try {
                context.executor().execute(this::drain);
            } catch (RejectedExecutionException e) {
                // The publisher has nothing to do with it.
                log.debug("console: is closing, a notice to an open page is dropped", e);
            }
        }
    }

    private void drain() {
        boolean wrote = false;
        while (context.channel().isWritable()) {
            Map<String, Object> next = next();
            if (next == null) {
                break;
            }
            context.write(new TextWebSocketFrame(Answers.toJson(next)));
            wrote = true;
        }
        if (wrote) {
            context.flush();
        }
    }

    /** The next message, or null when the mailbox is empty and the next notice has to wake this page again. */
    private Map<String, Object> next() {
        synchronized (waitingSteps) {
            StepMetrics step = waitingSteps.pollFirst();
            if (step != null) {
                return Map.of("type", "step", "step", step);
            }
            if (waitingStatus != null) {
                RunStatus status = waitingStatus;
                waitingStatus = null;
                return Map.of("type", "status", "status", status);
            }
            if (missed) {
                missed = false;
                return Map.of("type", "missed");
            }
            woken = false;
            return null;
        }
    }

    /** Writable again: goes on where {@link #drain} stopped, which left {@code woken} set. */
    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) throws Exception {
        if (context != null) {
            drain();
        }
        super.channelWritabilityChanged(ctx);
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) throws Exception {
        if (subscription != null) {
            subscription.close();
            pings.cancel(false);
        }
        super.channelInactive(ctx);
    }

    /** The page has nothing to say that would matter here. */
    @Override
    protected void channelRead0(ChannelHandlerContext ctx, WebSocketFrame frame) {}

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        ConsoleHandler.closeAfter(ctx, cause);
    }
}
