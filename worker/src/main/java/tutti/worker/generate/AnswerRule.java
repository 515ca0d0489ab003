package tutti.worker.generate;

import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tutti.common.config.DataFormat;

/** When a given answer is as good as the wanted one. */
public enum AnswerRule {
    /** The same characters, but for white space around them. */
    TEXT {
        @Override
        public boolean matches(String wanted, String given) {
            return wanted.strip().equals(given.strip());
        }
    },

    /**
     * GSM8K's (Cobbe et al. 2021): the same number, character for character once commas, dollar signs and one last dot are gone, so
     * 18.0 is not 18. It is taken as by lm-evaluation-harness ({@code tasks/gsm8k/gsm8k.yaml}), with the quirks of its patterns: behind the
     * first {@code ####} of the given answer ("strict-match"); without one, the last that looks like a number ("flexible-extract"). The
     * wanted number is what stands behind the last {@code ####}, else the whole text.
     */
    GSM8K {
        @Override
        public boolean matches(String wanted, String given) {
            return number(given).equals(bare(BEFORE_NUMBER.matcher(wanted).replaceFirst("")));
        }
    },

    /** The same SQL, whatever its case and spacing; see {@link SqlText}. Terms in another order are another answer. */
    SQL {
        @Override
        public boolean matches(String wanted, String given) {
            return SqlText.words(wanted).equals(SqlText.words(given));
        }
    };

    private static final Pattern BEFORE_NUMBER = Pattern.compile("(?s).*#### ?");
    private static final Pattern STRICT = Pattern.compile("#### (-?[0-9.,]+)");
    private static final Pattern FLEXIBLE = Pattern.compile("-?[$0-9.,]{2,}|-?[0-9]+");
    private static final Pattern LAST_DOT = Pattern.compile("\\.$");

    /** The one for data of these formats: their own where all samples are of one that has one. */
    public static AnswerRule of(Set<DataFormat> formats) {
        if (formats.equals(Set.of(DataFormat.GSM8K))) {
            return GSM8K;
        }
        return formats.equals(Set.of(DataFormat.SQL_CREATE_CONTEXT)) ? SQL : TEXT;
    }

    /** Is {@code given}, which a model has said, as good as {@code wanted}, which the data has? */
    public abstract boolean matches(String wanted, String given);

    /** The number of a given answer without ornaments; no number has the form of what is returned if there is none. */
    private static String number(String given) {
        Matcher strict = STRICT.matcher(given);
        if (strict.find()) {
            return bare(strict.group(1));
        }
        String last = "[invalid]";
        Matcher flexible = FLEXIBLE.matcher(given);
        while (flexible.find()) {
            last = flexible.group();
        }
        return bare(last);
    }

    private static String bare(String number) {
        String plain = number.strip().replace(",", "").replace("$", "");
        return LAST_DOT.matcher(plain).replaceFirst("");
    }
}
