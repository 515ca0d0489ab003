package tutti.common.token;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import tutti.common.dataset.Conversation;
import tutti.common.dataset.Role;
import tutti.common.dataset.Turn;
import tutti.common.error.TuttiException;
import tutti.common.token.jinja.JinjaTemplate;

/**
 * A Hugging Face chat template. What the assistant says is found by the template itself: by its {@code {% generation %}} blocks (as in
 * transformers' {@code return_assistant_tokens_mask}), else by rendering the chat up to each answer and with it. Never by looking for words.
 */
final class JinjaChatTemplate implements ChatTemplate {
    private static final JsonMapper JSON = new JsonMapper();

    private final String name;
    private final JinjaTemplate template;
    private final Map<String, String> specialTokens;
    /** Else they are JSON in the words. */
    private final boolean knowsToolCalls;

    /**
     * @param source Jinja
     * @param specialTokens {@code bos_token} and the like, as the template names them
     */
    JinjaChatTemplate(String name, String source, Map<String, String> specialTokens) {
        this.name = name;
        this.template = JinjaTemplate.parse(source);
        this.specialTokens = Map.copyOf(specialTokens);
        this.knowsToolCalls = source.contains("tool_calls");
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public Rendered prompt(List<Turn> turns) {
        if (turns.isEmpty() || turns.get(turns.size() - 1).role() == Role.ASSISTANT) {
            throw TuttiException.user("a prompt needs a user turn at its end, it has %d turns", turns.size());
        }
        return new Rendered(render(new Chat(turns, ""), true).text(), List.of(), false, true);
    }

    @Override
    public Rendered render(Conversation sample, boolean all) {
        try {
            return rendered(sample, all);
        } catch (TuttiException e) {
            boolean named = e.getMessage().startsWith(sample.source());
            throw named ? e : new TuttiException(e.category(), sample.source() + ": " + e.getMessage(), e);
        }
    }

    private Rendered rendered(Conversation sample, boolean all) {
        Chat chat = new Chat(sample.turns(), sample.tools());
        JinjaTemplate.Rendered full = render(chat, false);
        List<Rendered.Answer> answers = new ArrayList<>();
        List<Turn> turns = sample.turns();
        int[] answering = IntStream.range(0, turns.size())
                .filter(turn -> turns.get(turn).role() == Role.ASSISTANT)
                .toArray();
        for (int number = 0; number < answering.length; number++) {
            int turn = answering[number];
            if (!turns.get(turn).learned() && !all) {
                continue;
            }
            List<JinjaTemplate.Span> spans = full.generations().isEmpty()
                    ? List.of(byPrefixes(sample, chat, turn, full.text()))
                    : byBlocks(sample, chat, full, answering, number);
            requireCalls(
                    sample,
                    turn,
                    spans.stream()
                            .map(span -> full.text().substring(span.start(), span.end()))
                            .collect(Collectors.joining()));
            spans.forEach(span -> answers.add(new Rendered.Answer(
                    span.start(), span.end(), span.end(), turns.get(turn).learned())));
        }
        return new Rendered(full.text(), answers, true, true);
    }

    /** Some templates write calls only where there is no content, or none at all, and would have an empty answer learned. */
    private void requireCalls(Conversation sample, int turn, String answer) {
        if (!knowsToolCalls || sample.turns().get(turn).messages().isEmpty()) {
            return;
        }
        for (Object message : (List<?>) json(sample.turns().get(turn).messages())) {
            for (Object call : (List<?>) ((Map<?, ?>) message).get("tool_calls")) {
                String called = ((Map<?, ?>) ((Map<?, ?>) call).get("function"))
                        .get("name")
                        .toString();
                if (!answer.contains(called)) {
                    throw TuttiException.data(
                            "%s: chat template %s writes nothing of the call of %s in turn %d; another one is needed for such data",
                            sample.source(), name, called, turn);
                }
            }
        }
    }

    /** One block each, or those that lie between where a prompt for it would end and the end of one for the next answer. */
    private List<JinjaTemplate.Span> byBlocks(
            Conversation sample, Chat chat, JinjaTemplate.Rendered full, int[] answering, int number) {
        List<JinjaTemplate.Span> blocks = full.generations();
        if (blocks.size() == answering.length) {
            return List.of(blocks.get(number));
        }
        int from = headOf(chat, answering[number], full.text());
        int to = number + 1 < answering.length
                ? headOf(chat, answering[number + 1], full.text())
                : full.text().length();
        List<JinjaTemplate.Span> own = blocks.stream()
                .filter(block -> block.start() >= from && block.start() < to)
                .toList();
        if (from < 0 || to < 0 || own.isEmpty()) {
            throw TuttiException.data(
                    "%s: chat template %s has %d generation blocks for %d answers, and which are whose cannot be told; each answer needs"
                            + " one",
                    sample.source(), name, blocks.size(), answering.length);
        }
        return own;
    }

    /** Where a prompt for the answer in that turn would end; -1 if the whole chat begins otherwise. */
    private int headOf(Chat chat, int turn, String full) {
        String head = render(chat.first(turn), true).text();
        return full.startsWith(head) ? head.length() : -1;
    }

    /** From where a prompt for it would end to where the chat up to it does, or to where the next turn begins. */
    private JinjaTemplate.Span byPrefixes(Conversation sample, Chat chat, int turn, String full) {
        int head = headOf(chat, turn, full);
        OptionalInt end = head < 0 ? OptionalInt.empty() : end(chat, turn, full);
        if (end.isEmpty() || end.getAsInt() < head) {
            throw TuttiException.data(
                    "%s: chat template %s writes answer %d otherwise when other turns follow, so what the assistant says cannot be told; "
                            + "--train_on completion learns last answers alone, or mark them in the template with {%% generation %%}",
                    sample.source(), name, turn);
        }
        return new JinjaTemplate.Span(head, withoutBlanks(full, head, end.getAsInt()));
    }

    private OptionalInt end(Chat chat, int turn, String full) {
        String with = turn + 1 == chat.turns().size()
                ? full
                : render(chat.first(turn + 1), false).text();
        if (full.startsWith(with)) {
            return OptionalInt.of(with.length());
        }
        // Templates that drop an earlier answer's thoughts: it ends where the next turn begins.
        String next = render(chat.first(turn + 2), false).text();
        String alone = render(new Chat(chat.turns().subList(turn + 1, turn + 2), ""), false)
                .text();
        return full.startsWith(next) && next.endsWith(alone)
                ? OptionalInt.of(next.length() - alone.length())
                : OptionalInt.empty();
    }

    /** Line ends behind the end token are the template's. */
    private static int withoutBlanks(String text, int start, int end) {
        int last = end;
        while (last > start && Character.isWhitespace(text.charAt(last - 1))) {
            last--;
        }
        return last;
    }

    private record Chat(List<Turn> turns, String tools) {
        Chat first(int count) {
            return new Chat(turns.subList(0, count), tools);
        }
    }

    private JinjaTemplate.Rendered render(Chat chat, boolean prompt) {
        Map<String, Object> variables = new HashMap<>(specialTokens);
        variables.put("messages", chat.turns().stream().flatMap(this::messages).toList());
        variables.put("tools", chat.tools().isEmpty() ? null : json(chat.tools()));
        variables.put("add_generation_prompt", prompt);
        return template.render(variables, InstantSource.system());
    }

    private Stream<Object> messages(Turn turn) {
        return knowsToolCalls && !turn.messages().isEmpty()
                ? ((List<?>) json(turn.messages())).stream().map(message -> (Object) message)
                : Stream.of(Map.of("role", turn.role().name().toLowerCase(Locale.ROOT), "content", turn.text()));
    }

    private static Object json(String text) {
        try {
            return JSON.readValue(text, Object.class);
        } catch (JsonProcessingException e) {
            throw TuttiException.data("tools are no JSON: %s", e.getOriginalMessage());
        }
    }
}
