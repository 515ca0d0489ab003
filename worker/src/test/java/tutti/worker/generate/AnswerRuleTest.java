package tutti.worker.generate;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Cases written by hand; yes or no is what a reader of the rule's source would say. */
class AnswerRuleTest {

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            ignoreLeadingAndTrailingWhitespace = true,
            value = {
                "yes | 42 | 42",
                "yes | 42 | ~42~~",
                "yes | ~42 | 42~",
                "yes | two words | two words",
                "yes | '' | ''",
                "yes | '' | ~~",
                "yes | Ä | Ä",
                "no  | 42 | 42.",
                "no  | 42 | 420",
                "no  | 42 | ''",
                "no  | '' | 42",
                "no  | Yes | yes",
                "no  | two words | two~~words",
                "no  | 42 | forty-two",
                "no  | a b | b a",
            })
    void shouldCompareText(String same, String wanted, String given) {
        assertThat(AnswerRule.TEXT.matches(spaced(wanted), spaced(given))).isEqualTo(same.equals("yes"));
    }

    /**
     * The patterns of lm-evaluation-harness's gsm8k.yaml (filters strict-match and flexible-extract, regexes_to_ignore), each used once
     * by hand. The wanted texts have the form of GSM8K's answers.
     */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                // Behind ####.
                "yes | 9 + 9 = <<9+9=18>>18 #### 18 | She makes 9 * 2 = 18. #### 18",
                "yes | #### 18 | #### 18",
                "yes | #### 18 | #### 18.",
                "yes | #### 70,000 | #### 70000",
                "yes | #### 70000 | #### 70,000",
                "yes | #### -5 | #### -5",
                "yes | #### 18 | #### 18 Question: 3 + 4? #### 7",
                "yes | #### 2.5 | #### 2.5",
                "no  | #### 18 | #### 19",
                "no  | #### 18 | #### 18.0",
                "no  | #### 18 | #### -18",
                "no  | #### 18 | The answer is 18. #### 17",
                // Without ####: the last that looks like a number.
                "yes | #### 18 | The answer is 18.",
                "yes | #### 18 | so she makes $18 a day",
                "yes | #### 1800 | it is $1,800.",
                "yes | #### 5 | 2 + 3 = 5",
                "yes | #### -3 | the change is -3 degrees",
                "yes | #### 18 | #### $18",
                "yes | 18 | 18",
                "no  | #### 18 | The answer is 18 of 20.",
                "no  | #### 18 | eighteen",
                "no  | #### 18 | ''",
                "no  | #### 18.50 | $18.5",
                // A run of dots looks like a number to the harness, and only one last dot is taken off.
                "no  | #### 18 | The answer is 18 ...",
                "no  | #### 18 | The answer is 18...",
                // No number is found in either, which is not the same number.
                "no  | eighteen | eighteen",
            })
    void shouldCompareTheNumberOfGsm8k(String same, String wanted, String given) {
        assertThat(AnswerRule.GSM8K.matches(wanted, given)).isEqualTo(same.equals("yes"));
        assertThat(AnswerRule.GSM8K.matches(wanted.replace(" ####", "\n####"), given.replace(" ####", "\n####")))
                .isEqualTo(same.equals("yes"));
    }

    /** Forms of the answers in WikiSQL (Zhong et al. 2017), Spider (Yu et al. 2018) and sql-create-context. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '~',
            value = {
                "yes | SELECT name FROM head | SELECT name FROM head",
                "yes | SELECT name FROM head WHERE age > 56 | select NAME from Head where AGE>56",
                "yes | SELECT name FROM head | SELECT name FROM head;",
                "yes | SELECT name FROM head; | SELECT name FROM head ; ;",
                "yes | SELECT COUNT(*) FROM head | SELECT COUNT ( * ) FROM  head",
                "yes | SELECT a, b FROM t | SELECT a ,b FROM t",
                "yes | SELECT a FROM t WHERE b = 'x' | SELECT a FROM t WHERE b='x'",
                "yes | SELECT a FROM t WHERE b = 'x' | SELECT a FROM t WHERE b = \"x\"",
                "yes | SELECT a FROM t WHERE b = \"it's\" | SELECT a FROM t WHERE b = 'it''s'",
                "yes | SELECT a FROM t WHERE b >= 1.5 | SELECT a FROM t WHERE b>=1.5",
                "yes | SELECT `a` FROM t | SELECT a FROM t",
                "yes | SELECT T1.a FROM t AS T1 | SELECT t1 . a FROM t AS t1",
                "yes | SELECT a FROM t WHERE b = '' | SELECT a FROM t WHERE b = \"\"",
                "no  | SELECT a FROM t WHERE b = 'X' | SELECT a FROM t WHERE b = 'x'",
                "no  | SELECT a FROM t WHERE b = 'x y' | SELECT a FROM t WHERE b = 'x  y'",
                "no  | SELECT a FROM t WHERE b = 'x' | SELECT a FROM t WHERE b = x",
                "no  | SELECT a FROM t WHERE b = '5' | SELECT a FROM t WHERE b = 5",
                "no  | SELECT a FROM t WHERE b = 'x;' | SELECT a FROM t WHERE b = 'x'",
                "no  | SELECT a, b FROM t | SELECT b, a FROM t",
                "no  | SELECT a FROM t WHERE b > 1 | SELECT a FROM t WHERE b >= 1",
                "no  | SELECT a FROM t WHERE b > = 1 | SELECT a FROM t WHERE b >= 1",
                "no  | SELECT ab FROM t | SELECT a b FROM t",
                "no  | SELECT a FROM t WHERE b = 1.5 | SELECT a FROM t WHERE b = 15",
                "no  | SELECT a FROM t | SELECT a FROM t WHERE b = 'x",
                "no  | SELECT a FROM t WHERE b = ';' | SELECT a FROM t WHERE b =",
            })
    void shouldCompareSql(String same, String wanted, String given) {
        assertThat(AnswerRule.SQL.matches(wanted, given)).isEqualTo(same.equals("yes"));
        assertThat(AnswerRule.SQL.matches(given, wanted)).isEqualTo(same.equals("yes"));
    }

    /** In CSV a ~ stands for white space that would be lost. */
    private static String spaced(String text) {
        return text.replace('~', '\n');
    }
}
