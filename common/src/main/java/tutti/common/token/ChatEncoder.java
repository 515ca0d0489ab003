package tutti.common.token;

import java.util.List;
import tutti.common.dataset.Completion;
import tutti.common.dataset.Conversation;
import tutti.common.dataset.Example;
import tutti.common.dataset.PlainText;
import tutti.common.dataset.Turn;
import tutti.common.error.TuttiException;

/**
 * Turns to token ids, with one promise: every answer ends with exactly one end token, whatever the tokenizer makes of its
 * text. A model never learns to stop otherwise.
 */
public final class ChatEncoder {
    private final Tokenizer tokenizer;
    private final ChatTemplate template;
    private final String endText;
    private final int eos;

    /** With the template of the tokenizer's folder, or the usual one. */
    public ChatEncoder(Tokenizer tokenizer) {
        this(tokenizer, "");
    }

    /**
     * A tokenizer whose files name no end token is a DATA failure.
     *
     * @param template as {@code --chat_template} has it
     */
    public ChatEncoder(Tokenizer tokenizer, String template) {
        this.tokenizer = tokenizer;
        this.eos = tokenizer
                .eosId()
                .orElseThrow(() -> TuttiException.data(
                        "%s: no end token; add \"eos_token\" to tokenizer_config.json or \"eos_token_id\" to config.json",
                        tokenizer.folder()));
        this.endText = tokenizer.eosText().orElse("</s>");
        this.template = ChatTemplates.of(template, tokenizer.folder(), endText, tokenizer.specialTexts());
    }

    /** Where the template came from, for people. */
    public String templateName() {
        return template.name();
    }

    /** Ids of a prompt that asks for the next answer, beginning token included where the tokenizer has one. */
    public int[] prompt(List<Turn> turns) {
        return encode(template.prompt(turns)).ids();
    }

    /** Ids of a text that is to be continued, beginning token included where the tokenizer has one. */
    public int[] beginning(String text) {
        return encode(new Rendered(text, List.of(), false)).ids();
    }

    /**
     * @param sample of any kind that is text
     * @param all answers that are not learned have to be told, too
     */
    Rendered render(Example sample, boolean all) {
        if (sample instanceof Conversation conversation) {
            return template.render(conversation, all);
        } else if (sample instanceof Completion completion) {
            return Rendered.of(completion, endText);
        } else if (sample instanceof PlainText text) {
            return Rendered.of(text, endText);
        }
        throw new IllegalArgumentException(sample.source() + " is no text");
    }

    /** The spans in the result count in the rendered text. */
    Encoded encode(Rendered rendered) {
        if (rendered.complete()) {
            return tokenizer.encode(rendered.text(), false);
        }
        Encoded whole = withoutAddedEnd(tokenizer.encode(rendered.text(), true));
        return endsWell(whole, rendered.answers()) ? whole : piecewise(rendered);
    }

    boolean isEndOf(Encoded encoded, int token, Rendered.Answer answer) {
        // Some tokenizers let the end token swallow the blanks around it, so covering is enough.
        return encoded.ids()[token] == eos
                && encoded.start()[token] <= answer.endToken()
                && encoded.end()[token] >= answer.end();
    }

    /** Tokenizers that close every text themselves would give the last answer a second end and a prompt a false one. */
    private Encoded withoutAddedEnd(Encoded encoded) {
        int last = encoded.length() - 1;
        boolean added = last > 0 && encoded.ids()[last] == eos && encoded.end()[last] <= encoded.start()[last];
        return added ? encoded.withoutLast() : encoded;
    }

    private boolean endsWell(Encoded encoded, List<Rendered.Answer> answers) {
        int token = 0;
        for (Rendered.Answer answer : answers) {
            while (token < encoded.length() && !isEndOf(encoded, token, answer)) {
                token++;
            }
            if (token == encoded.length()) {
                return false;
            }
        }
        return true;
    }

    /**
     * For tokenizers that do not see their end token when it stands right behind a word (those that mark it
     * {@code normalized}): the text between end tokens is encoded by itself, the end tokens are put in as ids.
     */
    Encoded piecewise(Rendered rendered) {
        EncodedBuilder joined = new EncodedBuilder();
        int from = 0;
        for (Rendered.Answer answer : rendered.answers()) {
            addPiece(joined, rendered, from, answer.endToken());
            joined.add(eos, answer.endToken(), answer.end());
            from = answer.end();
        }
        if (from < rendered.text().length()) {
            addPiece(joined, rendered, from, rendered.text().length());
        }
        return joined.build();
    }

    private void addPiece(EncodedBuilder joined, Rendered rendered, int from, int to) {
        String piece = rendered.text().substring(from, to);
        joined.addAll(withoutAddedEnd(tokenizer.encode(piece, from == 0)), from);
    }
}
