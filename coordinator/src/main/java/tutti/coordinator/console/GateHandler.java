package tutti.coordinator.console;

import static io.netty.handler.codec.http.HttpResponseStatus.BAD_REQUEST;
import static io.netty.handler.codec.http.HttpResponseStatus.FORBIDDEN;
import static io.netty.handler.codec.http.HttpResponseStatus.METHOD_NOT_ALLOWED;
import static io.netty.handler.codec.http.HttpResponseStatus.MISDIRECTED_REQUEST;
import static io.netty.handler.codec.http.HttpResponseStatus.REQUEST_HEADER_FIELDS_TOO_LARGE;
import static io.netty.handler.codec.http.HttpResponseStatus.REQUEST_URI_TOO_LONG;
import static io.netty.handler.codec.http.HttpResponseStatus.UNAUTHORIZED;

import io.netty.channel.ChannelHandler.Sharable;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.socket.SocketChannel;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerKeepAliveHandler;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.QueryStringDecoder;
import io.netty.handler.codec.http.TooLongHttpHeaderException;
import io.netty.handler.codec.http.TooLongHttpLineException;
import io.netty.handler.timeout.IdleStateEvent;
import io.netty.util.AttributeKey;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Who may ask what. A request that passes is well-formed, reads only or asks to save, was sent to one of our names and carries the
 * token where one is needed; every other request is answered here. Never logs an address: it may carry the token.
 */
@Sharable
final class GateHandler extends SimpleChannelInboundHandler<FullHttpRequest> {
    /** Set by a valid token in the query of the page: the cookie that the answer is to carry. */
    static final AttributeKey<String> COOKIE = AttributeKey.valueOf(GateHandler.class, "cookie");

    private static final String HOW_TO_GET_IN = "This console opens with a token. Tutti prints the full address, token"
            + " included, on the terminal where the run was started, in the line that begins with \"console:\". Open that"
            + " address, or send the token as \"Authorization: Bearer TOKEN\".\n";

    private static final int LINGER_SECONDS = 2;

    private final HostRule hosts;
    private final Credentials credentials;
    private final boolean loopback;

    GateHandler(HostRule hosts, String token, boolean loopback) {
        this.hosts = hosts;
        this.credentials = new Credentials(token);
        this.loopback = loopback;
    }

    @Override
    protected void channelRead0(ChannelHandlerContext ctx, FullHttpRequest request) {
        if (request.decoderResult().isFailure()) {
            refuseAndLeave(ctx, malformed(request.decoderResult().cause()));
            return;
        }
        FullHttpResponse refusal = judge(ctx, request);
        if (refusal == null) {
            ctx.fireChannelRead(request.retain());
        } else {
            ctx.writeAndFlush(refusal);
        }
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event instanceof IdleStateEvent) {
            ctx.close();
        } else {
            ctx.fireUserEventTriggered(event);
        }
    }

    /**
     * What follows on this connection cannot be told apart from the broken request, so it ends; not at once, since closing
     * with bytes unread resets the connection and the client would never see why.
     */
    private static void refuseAndLeave(ChannelHandlerContext ctx, HttpResponseStatus why) {
        ctx.pipeline().remove(HttpServerKeepAliveHandler.class);
        FullHttpResponse response = refusal(why, "This request cannot be read.\n");
        HttpUtil.setKeepAlive(response, false);
        ctx.writeAndFlush(response).addListener(written -> {
            ((SocketChannel) ctx.channel()).shutdownOutput();
            ctx.executor().schedule(() -> ctx.close(), LINGER_SECONDS, TimeUnit.SECONDS);
        });
    }

    /** The answer to a request that may not pass, null for one that may. */
    private FullHttpResponse judge(ChannelHandlerContext ctx, FullHttpRequest request) {
        List<String> hostHeaders = request.headers().getAll(HttpHeaderNames.HOST);
        if (hostHeaders.size() != 1 || !hosts.accepts(hostHeaders.get(0))) {
            return refusal(MISDIRECTED_REQUEST, "This console does not go by that host name; open it as 127.0.0.1.\n");
        }
        QueryStringDecoder uri = new QueryStringDecoder(request.uri());
        String path;
        int port = ((InetSocketAddress) ctx.channel().localAddress()).getPort();
        boolean tokenInQuery;
        try {
            path = uri.path();
            tokenInQuery = credentials.inQuery(uri);
        } catch (IllegalArgumentException e) {
            // Percent signs that decode to nothing.
            return refusal(BAD_REQUEST, "This address cannot be read.\n");
        }
        boolean saves = path.equals(ConsoleHandler.SAVE);
        boolean reads =
                request.method().equals(HttpMethod.GET) || request.method().equals(HttpMethod.HEAD);
        if (saves ? !request.method().equals(HttpMethod.POST) : !reads) {
            FullHttpResponse response = refusal(
                    METHOD_NOT_ALLOWED,
                    saves
                            ? "Saving takes POST.\n"
                            : "The console only shows: GET and HEAD; POST saves, at /api/save.\n");
            response.headers().set(HttpHeaderNames.ALLOW, saves ? "POST" : "GET, HEAD");
            return response;
        }
        if (needsToken(path) && !tokenInQuery && !credentials.inHeaders(request, port)) {
            FullHttpResponse response = refusal(UNAUTHORIZED, HOW_TO_GET_IN);
            response.headers().set(HttpHeaderNames.WWW_AUTHENTICATE, "Bearer realm=\"tutti console\"");
            return response;
        }
        if ((saves || path.equals(ConsoleHandler.LIVE)) && !sameOrigin(request, hostHeaders.get(0))) {
            return refusal(FORBIDDEN, "The live feed and saving are for the console's own page.\n");
        }
        boolean freshlyIn = path.equals(ConsoleHandler.PAGE) && tokenInQuery;
        ctx.channel().attr(COOKIE).set(freshlyIn ? credentials.cookie(port) : null);
        return null;
    }

    /** Open are: code that everybody can read in the repository, the probes and, on loopback, the metrics. */
    private boolean needsToken(String path) {
        return switch (path) {
            case ConsoleHandler.HEALTH, ConsoleHandler.READY -> false;
            case ConsoleHandler.METRICS -> !loopback;
            default -> !path.startsWith(ConsoleHandler.ASSETS);
        };
    }

    /** Browsers always send Origin with a WebSocket or a POST; a client that sends none is no browser and brought the token itself. */
    private static boolean sameOrigin(FullHttpRequest request, String host) {
        List<String> origins = request.headers().getAll(HttpHeaderNames.ORIGIN);
        return origins.isEmpty()
                || (origins.size() == 1
                        && (origins.get(0).equalsIgnoreCase("http://" + host)
                                || origins.get(0).equalsIgnoreCase("https://" + host)));
    }

    private static HttpResponseStatus malformed(Throwable cause) {
        if (cause instanceof TooLongHttpLineException) {
            return REQUEST_URI_TOO_LONG;
        }
        return cause instanceof TooLongHttpHeaderException ? REQUEST_HEADER_FIELDS_TOO_LARGE : BAD_REQUEST;
    }

    private static FullHttpResponse refusal(HttpResponseStatus status, String why) {
        return Answers.text(status, why);
    }
}
