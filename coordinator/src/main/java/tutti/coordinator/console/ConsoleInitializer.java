package tutti.coordinator.console;

import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.socket.SocketChannel;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpServerKeepAliveHandler;
import io.netty.handler.timeout.IdleStateHandler;
import tutti.coordinator.run.StatusBoard;

/** What a connection passes through, top to bottom. */
final class ConsoleInitializer extends ChannelInitializer<SocketChannel> {
    private static final int MAX_CONNECTIONS = 256;
    private static final int IDLE_SECONDS = 60;
    private static final int MAX_REQUEST_LINE = 4 * 1024;
    /** Browsers bring along the cookies of every server on this host, whatever its port. */
    private static final int MAX_REQUEST_HEADERS = 16 * 1024;
    /** Nothing here reads a body; a few bytes are tolerated. */
    private static final int MAX_REQUEST_BODY = 1024;

    private final ChannelGroup open;
    private final GateHandler gate;
    private final StatusBoard board;
    private final PrometheusMeterRegistry registry;
    private final Runnable saveNow;

    ConsoleInitializer(
            ChannelGroup open,
            GateHandler gate,
            StatusBoard board,
            PrometheusMeterRegistry registry,
            Runnable saveNow) {
        this.open = open;
        this.gate = gate;
        this.board = board;
        this.registry = registry;
        this.saveNow = saveNow;
    }

    @Override
    protected void initChannel(SocketChannel channel) {
        if (open.size() >= MAX_CONNECTIONS) {
            channel.close();
            return;
        }
        open.add(channel);
        ChannelPipeline pipeline = channel.pipeline();
        pipeline.addLast(new IdleStateHandler(IDLE_SECONDS, 0, 0));
        pipeline.addLast(new HttpServerCodec(new HttpDecoderConfig()
                .setMaxInitialLineLength(MAX_REQUEST_LINE)
                .setMaxHeaderSize(MAX_REQUEST_HEADERS)));
        pipeline.addLast(new HttpServerKeepAliveHandler());
        pipeline.addLast(SecurityHeaders.INSTANCE);
        pipeline.addLast(new HttpObjectAggregator(MAX_REQUEST_BODY));
        pipeline.addLast(gate);
        pipeline.addLast(new ConsoleHandler(board, registry, saveNow));
    }
}
