package tutti.coordinator.console;

import static io.netty.handler.codec.http.HttpResponseStatus.ACCEPTED;
import static io.netty.handler.codec.http.HttpResponseStatus.CONFLICT;
import static io.netty.handler.codec.http.HttpResponseStatus.NOT_FOUND;
import static io.netty.handler.codec.http.HttpResponseStatus.OK;
import static io.netty.handler.codec.http.HttpResponseStatus.SERVICE_UNAVAILABLE;
import static io.netty.handler.codec.http.HttpResponseStatus.UPGRADE_REQUIRED;

import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.QueryStringDecoder;
import io.netty.handler.codec.http.websocketx.WebSocketCloseStatus;
import io.netty.handler.codec.http.websocketx.WebSocketServerProtocolConfig;
import io.netty.handler.codec.http.websocketx.WebSocketServerProtocolHandler;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tutti.coordinator.run.RunState;
import tutti.coordinator.run.StatusBoard;

/** Answers what {@link GateHandler} let through: one line of {@link #answer} per address. */
final class ConsoleHandler extends SimpleChannelInboundHandler<FullHttpRequest> {
    static final String PAGE = "/";
    static final String ASSETS = "/assets/";
    static final String STATUS = "/api/status";
    static final String STEPS = "/api/steps";
    /** The one address that does something: it takes POST and nothing else. */
    static final String SAVE = "/api/save";

    static final String LIVE = "/ws";
    static final String METRICS = "/metrics";
    static final String HEALTH = "/healthz";
    static final String READY = "/readyz";

    /** Ten times as long as a run that moves says so. */
    private static final Duration HEALTHY = Duration.ofSeconds(30);

    private static final Logger log = LoggerFactory.getLogger(ConsoleHandler.class);
    private static final Assets ASSET_FILES = new Assets();
    private static final String PROMETHEUS_TEXT = "text/plain; version=0.0.4; charset=utf-8";
    /** What a client may send over the WebSocket: it has nothing to say. Bytes. */
    private static final int MAX_FRAME = 1024;

    private final StatusBoard board;
    private final PrometheusMeterRegistry registry;
    private final Runnable saveNow;

    ConsoleHandler(StatusBoard board, PrometheusMeterRegistry registry, Runnable saveNow) {
        this.board = board;
        this.registry = registry;
        this.saveNow = saveNow;
    }

    @Override
    protected void channelRead0(ChannelHandlerContext ctx, FullHttpRequest request) {
        String path = new QueryStringDecoder(request.uri()).path();
        if (path.equals(LIVE) && asksForWebSocket(request)) {
            becomeLive(ctx, request);
            return;
        }
        FullHttpResponse response = answer(path);
        String cookie = ctx.channel().attr(GateHandler.COOKIE).getAndSet(null);
        if (cookie != null) {
            response.headers().add(HttpHeaderNames.SET_COOKIE, cookie);
        }
        ctx.writeAndFlush(response);
    }

    private FullHttpResponse answer(String path) {
        return switch (path) {
            case PAGE -> asset("index.html", "no-store");
            case STATUS -> Answers.json(board.status());
            case STEPS -> Answers.json(board.steps());
            case SAVE -> save();
            case LIVE -> Answers.text(UPGRADE_REQUIRED, "This address speaks WebSocket.\n");
            case METRICS -> Answers.bytes(OK, PROMETHEUS_TEXT, registry.scrape().getBytes(StandardCharsets.UTF_8));
            case HEALTH -> health();
            case READY -> ready();
            default -> path.startsWith(ASSETS) ? asset(path.substring(ASSETS.length()), "no-cache") : nothing();
        };
    }

    /** The server answers on threads of its own: what lives is told by the run. */
    private FullHttpResponse health() {
        Duration still = board.still(System.nanoTime());
        return still.compareTo(HEALTHY) < 0
                ? Answers.text(OK, "ok\n")
                : Answers.text(SERVICE_UNAVAILABLE, "the run has not moved for %d s\n".formatted(still.toSeconds()));
    }

    private FullHttpResponse save() {
        RunState state = board.status().state();
        if (state != RunState.TRAINING && state != RunState.COMMITTING) {
            return Answers.text(CONFLICT, "Nothing is trained now: the run is %s.\n".formatted(state));
        }
        saveNow.run();
        return Answers.text(ACCEPTED, "A checkpoint follows the steps that are handed out.\n");
    }

    private FullHttpResponse ready() {
        RunState state = board.status().state();
        return Answers.text(state.ready() ? OK : SERVICE_UNAVAILABLE, state + "\n");
    }

    private static FullHttpResponse asset(String name, String caching) {
        return ASSET_FILES
                .find(name)
                .map(asset -> {
                    FullHttpResponse response = Answers.bytes(OK, asset.type(), asset.content());
                    response.headers().set(HttpHeaderNames.CACHE_CONTROL, caching);
                    return response;
                })
                .orElseGet(ConsoleHandler::nothing);
    }

    private static FullHttpResponse nothing() {
        return Answers.text(NOT_FOUND, "There is nothing here.\n");
    }

    private static boolean asksForWebSocket(FullHttpRequest request) {
        return request.method().equals(HttpMethod.GET)
                && request.headers().containsValue(HttpHeaderNames.UPGRADE, HttpHeaderValues.WEBSOCKET, true);
    }

    /** Hands the connection over: the handshake handler sees the request again, this handler leaves. */
    private void becomeLive(ChannelHandlerContext ctx, FullHttpRequest request) {
        WebSocketServerProtocolConfig config = WebSocketServerProtocolConfig.newBuilder()
                .websocketPath(LIVE)
                .checkStartsWith(true)
                .maxFramePayloadLength(MAX_FRAME)
                .sendCloseFrame(WebSocketCloseStatus.ENDPOINT_UNAVAILABLE)
                .build();
        ctx.pipeline().addLast(new WebSocketServerProtocolHandler(config), new LiveHandler(board));
        ctx.fireChannelRead(request.retain());
        ctx.pipeline().remove(this);
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        closeAfter(ctx, cause);
    }

    /** Readers come and go, which is no news; anything else is. */
    static void closeAfter(ChannelHandlerContext ctx, Throwable cause) {
        if (cause instanceof IOException) {
            log.debug("console: a connection broke", cause);
        } else {
            log.warn("console: a connection is closed after a failure", cause);
        }
        ctx.close();
    }
}
