package tutti.deploy.bench;

import static tutti.common.error.TuttiException.require;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Bytes of messages as people write them: {@code 1k,16k,4m}. */
public final class MessageSizes {
    private static final Pattern SIZE = Pattern.compile("(\\d{1,10})([kmg]?)");
    private static final long MOST = 1 << 30;

    private MessageSizes() {}

    /**
     * @param text sizes by comma; k, m and g are 1024, 1024^2 and 1024^3 bytes
     * @return bytes in the same order, each a multiple of {@link Float#BYTES}, at least one of them
     * @throws tutti.common.error.TuttiException (user) naming the one that is none
     */
    public static List<Integer> parse(String text) {
        return Arrays.stream(text.split(",", -1)).map(MessageSizes::one).toList();
    }

    private static int one(String word) {
        Matcher size = SIZE.matcher(word.strip().toLowerCase(Locale.ROOT));
        long bytes = size.matches() ? Math.min(MOST + 1, Long.parseLong(size.group(1))) << shift(size.group(2)) : 0;
        require(
                bytes >= Float.BYTES && bytes <= MOST && bytes % Float.BYTES == 0,
                "--bytes %s: a size such as 256k or 4m is needed, whole floats, from 4 bytes to 1g",
                word.isBlank() ? "(empty)" : word);
        return (int) bytes;
    }

    private static int shift(String suffix) {
        return switch (suffix) {
            case "k" -> 10;
            case "m" -> 20;
            case "g" -> 30;
            default -> 0;
        };
    }
}
