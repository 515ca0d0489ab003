package tutti.common.protocol;

/** Marks what may travel between processes; bound to Akka's Jackson CBOR serializer in {@code akka.conf}. */
public interface WireMessage {}
