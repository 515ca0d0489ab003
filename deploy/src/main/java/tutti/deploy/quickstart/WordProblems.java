package tutti.deploy.quickstart;

import java.util.List;
import java.util.SplittableRandom;

/**
 * Little stories that ask for the sum or the difference of two numbers; numbers and result have two digits. The answer shows its
 * work column by column, ones first: each step is a fact about digits that other samples share, so that what is learned holds
 * for numbers never seen together.
 */
final class WordProblems {
    private static final int BASE = 10;
    /** Numbers and results lie between. */
    private static final int MIN_NUMBER = 10;

    private static final int MAX_NUMBER = 99;

    private static final List<String> NAMES = List.of(
            "Tom", "Mia", "Ali", "Eva", "Jan", "Lin", "Noah", "Sara", "Omar", "Ines", "Paul", "Rosa", "Hugo", "Nina",
            "Theo", "Yuki");
    private static final List<String> THINGS = List.of(
            "apples",
            "books",
            "coins",
            "stamps",
            "pencils",
            "marbles",
            "cards",
            "shells",
            "stickers",
            "tickets",
            "buttons",
            "cookies",
            "plums",
            "stones",
            "beads",
            "nuts");
    private static final List<String> PLACES =
            List.of("box", "bag", "shop", "basket", "drawer", "van", "cellar", "library", "kitchen", "museum");

    /** NAME, OTHER, THINGS, PLACE, then A and B in the order of the sum. */
    private static final List<String> SUMS = List.of(
            "NAME has A THINGS and finds B more. How many THINGS does NAME have now?",
            "NAME has A THINGS. OTHER gives NAME B more. How many THINGS does NAME have now?",
            "NAME has A THINGS and OTHER has B THINGS. How many THINGS do they have together?",
            "There are A THINGS in the PLACE. NAME adds B. How many THINGS are in the PLACE now?",
            "NAME buys A THINGS today and B THINGS later. How many THINGS is that in total?",
            "One PLACE holds A THINGS, another one holds B. How many THINGS do both hold?");

    private static final List<String> DIFFERENCES = List.of(
            "NAME has A THINGS and loses B of them. How many THINGS does NAME have left?",
            "NAME has A THINGS and gives B to OTHER. How many THINGS are left for NAME?",
            "There are A THINGS in the PLACE. NAME takes B away. How many THINGS stay in the PLACE?",
            "NAME has A THINGS, OTHER has only B. How many THINGS more does NAME have?",
            "NAME wants A THINGS and has B already. How many THINGS are still missing?",
            "Of A THINGS in the PLACE B were sold. How many THINGS are left in the PLACE?");

    private WordProblems() {}

    static Sample draw(SplittableRandom random) {
        boolean sum = random.nextBoolean();
        int large = random.nextInt(2 * MIN_NUMBER, MAX_NUMBER + 1);
        int part = random.nextInt(MIN_NUMBER, large - MIN_NUMBER + 1);
        int a = sum ? large - part : large;
        String text = pick(random, sum ? SUMS : DIFFERENCES);
        String name = pick(random, NAMES);
        String other = pick(random, NAMES);
        while (other.equals(name)) {
            other = pick(random, NAMES);
        }
        String question = text.replaceAll("\\bA\\b", Integer.toString(a))
                .replaceAll("\\bB\\b", Integer.toString(part))
                .replace("NAME", name)
                .replace("OTHER", other)
                .replace("THINGS", pick(random, THINGS))
                .replace("PLACE", pick(random, PLACES));
        String answer = sum ? addition(a, part) : subtraction(a, part);
        return new Sample(Sample.Kind.ARITHMETIC, question, answer);
    }

    /** {@code 47 + 25: 7 + 5 = 12, 4 + 2 + 1 = 7, 72}. */
    static String addition(int a, int b) {
        int ones = a % BASE + b % BASE;
        boolean carry = ones >= BASE;
        return "%d + %d: %d + %d = %d, %d + %d%s = %d, %d"
                .formatted(
                        a, b, a % BASE, b % BASE, ones, a / BASE, b / BASE, carry ? " + 1" : "", (a + b) / BASE, a + b);
    }

    /** {@code 52 - 27: 12 - 7 = 5, 5 - 2 - 1 = 2, 25}. */
    static String subtraction(int a, int b) {
        boolean borrow = a % BASE < b % BASE;
        int ones = a % BASE + (borrow ? BASE : 0);
        return "%d - %d: %d - %d = %d, %d - %d%s = %d, %d"
                .formatted(
                        a,
                        b,
                        ones,
                        b % BASE,
                        (a - b) % BASE,
                        a / BASE,
                        b / BASE,
                        borrow ? " - 1" : "",
                        (a - b) / BASE,
                        a - b);
    }

    private static String pick(SplittableRandom random, List<String> words) {
        return words.get(random.nextInt(words.size()));
    }
}
