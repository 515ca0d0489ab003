package tutti.common.token.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.function.IntPredicate;

/** Python's text, which is a row of code points where Java has UTF-16. */
final class Strings {
    private Strings() {}

    static boolean isSpace(int c) {
        return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == 0x85;
    }

    /** No character but space; true of the empty text. */
    static boolean isSpace(String text) {
        return text.codePoints().allMatch(Strings::isSpace);
    }

    /** The UTF-16 place of a code point. */
    static int offset(String text, int codePoint) {
        return text.offsetByCodePoints(0, codePoint);
    }

    static String at(String text, int codePoint) {
        return Character.toString(text.codePointAt(offset(text, codePoint)));
    }

    static String sub(String text, int from, int to) {
        int start = offset(text, from);
        return text.substring(start, text.offsetByCodePoints(start, to - from));
    }

    /** By code points: UTF-16 would put emojis before the last of the basic plane. */
    static int compare(String a, String b) {
        int length = Math.min(a.length(), b.length());
        for (int i = 0; i < length; i++) {
            if (a.charAt(i) != b.charAt(i)) {
                boolean bothOrNone = Character.isSurrogate(a.charAt(i)) == Character.isSurrogate(b.charAt(i));
                return bothOrNone ? a.charAt(i) - b.charAt(i) : Character.isSurrogate(a.charAt(i)) ? 1 : -1;
            }
        }
        return a.length() - b.length();
    }

    /** @param chars what goes, each character for itself; null for white space */
    static String strip(String text, String chars, boolean left, boolean right) {
        IntPredicate goes = chars == null ? Strings::isSpace : c -> chars.indexOf(c) >= 0;
        int from = 0;
        int to = text.length();
        while (left && from < to && goes.test(text.codePointAt(from))) {
            from += Character.charCount(text.codePointAt(from));
        }
        while (right && from < to && goes.test(text.codePointBefore(to))) {
            to -= Character.charCount(text.codePointBefore(to));
        }
        return text.substring(from, to);
    }

    /** @param max how often at most, or a negative number */
    static List<Object> split(String text, String separator, long max) {
        List<Object> parts = new ArrayList<>();
        int from = 0;
        for (int at = text.indexOf(separator); at >= 0 && parts.size() != max; at = text.indexOf(separator, from)) {
            parts.add(text.substring(from, at));
            from = at + separator.length();
        }
        parts.add(text.substring(from));
        return parts;
    }

    static List<Object> splitRight(String text, String separator, long max) {
        List<Object> parts = new ArrayList<>();
        int to = text.length();
        int at = text.lastIndexOf(separator);
        while (at >= 0 && parts.size() != max) {
            parts.add(text.substring(at + separator.length(), to));
            to = at;
            at = to < separator.length() ? -1 : text.lastIndexOf(separator, to - separator.length());
        }
        parts.add(text.substring(0, to));
        Collections.reverse(parts);
        return parts;
    }

    /** At runs of white space, without those at either end. */
    static List<Object> words(String text, long max) {
        List<Object> words = new ArrayList<>();
        String rest = strip(text, null, true, false);
        while (!rest.isEmpty()) {
            int end = 0;
            while (end < rest.length() && !isSpace(rest.codePointAt(end))) {
                end += Character.charCount(rest.codePointAt(end));
            }
            if (words.size() == max) {
                words.add(rest);
                return words;
            }
            words.add(rest.substring(0, end));
            rest = strip(rest.substring(end), null, true, false);
        }
        return words;
    }

    static List<Object> wordsRight(String text, long max) {
        List<Object> words = new ArrayList<>();
        String rest = strip(text, null, false, true);
        while (!rest.isEmpty()) {
            int start = rest.length();
            while (start > 0 && !isSpace(rest.codePointBefore(start))) {
                start -= Character.charCount(rest.codePointBefore(start));
            }
            if (words.size() == max) {
                words.add(rest);
                break;
            }
            words.add(rest.substring(start));
            rest = strip(rest.substring(0, start), null, false, true);
        }
        Collections.reverse(words);
        return words;
    }

    static List<Object> lines(String text, boolean keepEnds) {
        List<Object> lines = new ArrayList<>();
        int from = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if ((c >= '\n' && c <= '\r') || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 || c == 0x2029) {
                int end = i;
                i += c == '\r' && i + 1 < text.length() && text.charAt(i + 1) == '\n' ? 1 : 0;
                lines.add(text.substring(from, keepEnds ? i + 1 : end));
                from = i + 1;
            }
        }
        if (from < text.length()) {
            lines.add(text.substring(from));
        }
        return lines;
    }

    static String replace(String text, String old, String with, long max) {
        if (max < 0) {
            return text.replace(old, with);
        }
        StringBuilder out = new StringBuilder();
        int from = 0;
        for (long done = 0; done < max; done++) {
            int at = text.indexOf(old, from);
            if (at < 0) {
                break;
            }
            out.append(text, from, at).append(with);
            from = at + old.length();
            if (old.isEmpty()) {
                if (from >= text.length()) {
                    break;
                }
                out.append(text.charAt(from++));
            }
        }
        return out.append(text.substring(from)).toString();
    }

    static String upper(String text) {
        return text.toUpperCase(Locale.ROOT);
    }

    static String lower(String text) {
        return text.toLowerCase(Locale.ROOT);
    }

    static String capitalize(String text) {
        if (text.isEmpty()) {
            return text;
        }
        int first = text.offsetByCodePoints(0, 1);
        return titleCase(text.codePointAt(0))
                + lower(text).substring(lower(text.substring(0, first)).length());
    }

    /** A capital behind everything that is no letter. */
    static String title(String text) {
        StringBuilder out = new StringBuilder();
        boolean inWord = false;
        for (int c : text.codePoints().toArray()) {
            out.append(inWord ? lower(Character.toString(c)) : titleCase(c));
            inWord = isCased(c);
        }
        return out.toString();
    }

    static boolean isCased(int c) {
        return Character.isUpperCase(c) || Character.isLowerCase(c) || Character.isTitleCase(c);
    }

    private static String titleCase(int c) {
        int title = Character.toTitleCase(c);
        String upper = upper(Character.toString(c));
        // One character may become two: the sharp s, and ligatures.
        return title == c && upper.codePointCount(0, upper.length()) > 1
                ? upper.substring(0, 1) + lower(upper.substring(1))
                : Character.toString(title);
    }

    static boolean isUpper(String text) {
        return text.codePoints().anyMatch(Character::isUpperCase)
                && text.codePoints().noneMatch(c -> Character.isLowerCase(c) || Character.isTitleCase(c));
    }

    static boolean isLower(String text) {
        return text.codePoints().anyMatch(Character::isLowerCase)
                && text.codePoints().noneMatch(c -> Character.isUpperCase(c) || Character.isTitleCase(c));
    }
}
