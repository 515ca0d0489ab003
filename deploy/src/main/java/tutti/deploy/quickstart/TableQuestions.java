package tutti.deploy.quickstart;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Questions about a table whose name and columns stand in the question; the answer is one SELECT. Every table is put together
 * anew, so the columns have to be read, not remembered.
 */
final class TableQuestions {
    private static final int COLUMNS = 4;
    private static final int MAX_NUMBER = 99;

    private static final List<String> TABLES = List.of(
            "staff", "orders", "cities", "films", "teams", "flights", "houses", "recipes", "songs", "trains", "parks",
            "shops", "ships", "courses", "animals", "games");
    private static final List<String> WORDS = List.of(
            "name",
            "city",
            "country",
            "color",
            "owner",
            "brand",
            "status",
            "kind",
            "region",
            "language",
            "title",
            "maker");
    private static final List<String> NUMBERS = List.of(
            "age",
            "price",
            "size",
            "year",
            "weight",
            "height",
            "score",
            "length",
            "salary",
            "stock",
            "rating",
            "distance");
    private static final List<String> VALUES = List.of(
            "Paris", "Lima", "red", "green", "blue", "Kenya", "Japan", "open", "closed", "north", "south", "new", "old",
            "Rome", "Oslo", "silver");

    /** TABLE, WORD and OTHER (columns of words), NUMBER (a column), N (a number), VALUE; question, then answer. */
    private static final List<List<String>> FORMS = List.of(
            List.of("Show each WORD with NUMBER above N.", "SELECT WORD FROM TABLE WHERE NUMBER > N"),
            List.of("Show each WORD with NUMBER below N.", "SELECT WORD FROM TABLE WHERE NUMBER < N"),
            List.of("Which WORD has NUMBER equal to N?", "SELECT WORD FROM TABLE WHERE NUMBER = N"),
            List.of("How many rows have NUMBER above N?", "SELECT COUNT(*) FROM TABLE WHERE NUMBER > N"),
            List.of("How many rows have NUMBER below N?", "SELECT COUNT(*) FROM TABLE WHERE NUMBER < N"),
            List.of("How many rows have WORD VALUE?", "SELECT COUNT(*) FROM TABLE WHERE WORD = 'VALUE'"),
            List.of("List each OTHER where WORD is VALUE.", "SELECT OTHER FROM TABLE WHERE WORD = 'VALUE'"),
            List.of(
                    "Give the average NUMBER where WORD is VALUE.",
                    "SELECT AVG(NUMBER) FROM TABLE WHERE WORD = 'VALUE'"),
            List.of(
                    "Give the largest NUMBER where WORD is VALUE.",
                    "SELECT MAX(NUMBER) FROM TABLE WHERE WORD = 'VALUE'"),
            List.of(
                    "Give the smallest NUMBER where WORD is VALUE.",
                    "SELECT MIN(NUMBER) FROM TABLE WHERE WORD = 'VALUE'"),
            List.of("Give the total NUMBER for each WORD.", "SELECT WORD, SUM(NUMBER) FROM TABLE GROUP BY WORD"),
            List.of("Sort each WORD by NUMBER, smallest first.", "SELECT WORD FROM TABLE ORDER BY NUMBER"),
            List.of("Sort each WORD by NUMBER, largest first.", "SELECT WORD FROM TABLE ORDER BY NUMBER DESC"));

    private TableQuestions() {}

    static Sample draw(SplittableRandom random) {
        List<String> columns = new ArrayList<>();
        List<String> words = new ArrayList<>(WORDS);
        List<String> numbers = new ArrayList<>(NUMBERS);
        for (int i = 0; i < COLUMNS; i++) {
            List<String> pool = i % 2 == 0 ? words : numbers;
            columns.add(pool.remove(random.nextInt(pool.size())));
        }
        String word = columns.get(0);
        String number = columns.get(1);
        String other = columns.get(2);
        List<String> shuffled = new ArrayList<>();
        while (!columns.isEmpty()) {
            shuffled.add(columns.remove(random.nextInt(columns.size())));
        }
        String table = pick(random, TABLES);
        String value = pick(random, VALUES);
        String n = Integer.toString(random.nextInt(MAX_NUMBER) + 1);
        List<String> filled = pick(random, FORMS).stream()
                .map(text -> text.replace("OTHER", other)
                        .replace("WORD", word)
                        .replace("NUMBER", number)
                        .replace("TABLE", table)
                        .replace("VALUE", value)
                        .replaceAll("\\bN\\b", n))
                .toList();
        String question = "Table %s has columns %s. %s".formatted(table, String.join(", ", shuffled), filled.get(0));
        return new Sample(Sample.Kind.SQL, question, filled.get(1));
    }

    private static <T> T pick(SplittableRandom random, List<T> from) {
        return from.get(random.nextInt(from.size()));
    }
}
