package tutti.coordinator.console;

import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelOption;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.net.BindException;
import java.net.InetSocketAddress;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.coordinator.run.StatusBoard;

/** A running console. It has two daemon threads of its own, {@code tutti-console-*}; closing it ends them. */
public final class ConsoleServer implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(ConsoleServer.class);
    private static final int THREADS = 2;
    /** Above high a WebSocket client is called slow and misses steps until it is below low again. Bytes. */
    private static final WriteBufferWaterMark WATER_MARK = new WriteBufferWaterMark(64 * 1024, 256 * 1024);

    private final ConsoleOptions options;
    private final MultiThreadIoEventLoopGroup loops;
    private final ChannelGroup open;
    private final Channel listening;
    private final boolean wildcard;

    private ConsoleServer(
            ConsoleOptions options,
            MultiThreadIoEventLoopGroup loops,
            ChannelGroup open,
            Channel listening,
            boolean wildcard) {
        this.options = options;
        this.loops = loops;
        this.open = open;
        this.listening = listening;
        this.wildcard = wildcard;
    }

    /**
     * Listens when it returns.
     *
     * @param board what {@code /api} and {@code /ws} show
     * @param registry what {@code /metrics} shows
     * @param saveNow what a POST to {@code /api/save} asks for; returns at once
     * @throws TuttiException of category ENVIRONMENT if the port is taken or the host is not an address of this machine
     */
    public static ConsoleServer start(
            ConsoleOptions options, StatusBoard board, PrometheusMeterRegistry registry, Runnable saveNow) {
        InetSocketAddress address = new InetSocketAddress(options.host(), options.port());
        if (address.isUnresolved()) {
            throw TuttiException.environment(
                    "console: --console_host %s is not a known host; 127.0.0.1 is the usual value", options.host());
        }
        boolean loopback = address.getAddress().isLoopbackAddress();
        MultiThreadIoEventLoopGroup loops = new MultiThreadIoEventLoopGroup(
                THREADS, new DefaultThreadFactory("tutti-console", true), NioIoHandler.newFactory());
        ChannelGroup open = new DefaultChannelGroup("tutti-console", GlobalEventExecutor.INSTANCE, true);
        GateHandler gate = new GateHandler(new HostRule(options.host(), loopback), options.token(), loopback);
        ChannelFuture bound = new ServerBootstrap()
                .group(loops)
                .channel(NioServerSocketChannel.class)
                .option(ChannelOption.SO_BACKLOG, 128)
                .childOption(ChannelOption.WRITE_BUFFER_WATER_MARK, WATER_MARK)
                .childHandler(new ConsoleInitializer(open, gate, board, registry, saveNow))
                .bind(address)
                .awaitUninterruptibly();
        if (!bound.isSuccess()) {
            stop(loops);
            throw cannotListen(options, bound.cause());
        }
        boolean wildcard = address.getAddress().isAnyLocalAddress();
        ConsoleServer server = new ConsoleServer(options, loops, open, bound.channel(), wildcard);
        log.debug("console listens on {}", server.base());
        if (!loopback) {
            log.warn("console is open to the network in clear text; a tunnel to 127.0.0.1 keeps its token private");
        }
        return server;
    }

    /** The port that it listens on, never 0. */
    public int port() {
        return ((InetSocketAddress) listening.localAddress()).getPort();
    }

    /** The address to open in a browser. It carries the token: show it to the person who started the run, never log it. */
    public String url() {
        return base() + "?token=" + options.token();
    }

    /** Says goodbye to open pages, then stops listening and ends the threads. Closing twice is harmless. */
    @Override
    public void close() {
        listening.close().awaitUninterruptibly();
        open.close().awaitUninterruptibly(2, TimeUnit.SECONDS);
        stop(loops);
    }

    private String base() {
        String host = wildcard ? "127.0.0.1" : options.host();
        return "http://" + (host.contains(":") ? "[" + host + "]" : host) + ":" + port() + "/";
    }

    private static void stop(MultiThreadIoEventLoopGroup loops) {
        loops.shutdownGracefully(0, 2, TimeUnit.SECONDS).awaitUninterruptibly(5, TimeUnit.SECONDS);
    }

    private static TuttiException cannotListen(ConsoleOptions options, Throwable cause) {
        String reason = String.valueOf(cause.getMessage());
        boolean taken = cause instanceof BindException
                && reason.toLowerCase(Locale.ROOT).contains("in use");
        String message = taken
                ? "console: port %d on %s is already in use; choose another with --console_port, or 0 for any free one"
                        .formatted(options.port(), options.host())
                : "console: cannot listen on port %d of %s: %s".formatted(options.port(), options.host(), reason);
        return new TuttiException(Category.ENVIRONMENT, message, cause);
    }
}
