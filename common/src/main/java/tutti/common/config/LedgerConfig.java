package tutti.common.config;

import static tutti.common.error.TuttiException.require;

import java.util.regex.Pattern;

/**
 * Where the coordinator's decisions are kept. A password is no setting, since settings lie in {@code run.json}: it comes from the
 * environment or a file of the user's.
 *
 * @param url empty: a file in the output folder; else {@code jdbc:postgresql:...}
 */
public record LedgerConfig(String url) {
    private static final String POSTGRESQL = "jdbc:postgresql:";
    /** As a parameter, or before the host as in other kinds of URL. */
    private static final Pattern PASSWORD = Pattern.compile("(?i)[?&][^=&]*password[^=&]*=|//[^/?]*@");

    public LedgerConfig {
        // Not repeated in the message: that is what it is about.
        require(
                !PASSWORD.matcher(url).find(),
                "--ledger: a password or a user before the host is in the URL, which run.json and logs show; leave it out and put "
                        + "the password into PGPASSWORD or ~/.pgpass, the user into PGUSER or ?user=NAME");
        require(
                url.isEmpty() || url.startsWith(POSTGRESQL),
                "--ledger=%s: %s//HOST/DATABASE, or nothing for a file in --output_dir",
                url,
                POSTGRESQL);
    }

    public boolean embedded() {
        return url.isEmpty();
    }

    static LedgerConfig read(Settings settings) {
        return new LedgerConfig(settings.text(Keys.LEDGER));
    }
}
