package tutti.common.token.jinja;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.InstantSource;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.common.Shared;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;
import tutti.common.token.jinja.JinjaTemplate.Rendered;
import tutti.common.token.jinja.JinjaTemplate.Span;

class JinjaTemplateTest {
    private static final JsonMapper JSON = new JsonMapper();
    private static final InstantSource NOON = InstantSource.fixed(
            LocalDateTime.of(2025, 7, 10, 12, 0).atZone(ZoneId.systemDefault()).toInstant());

    /** probes.py wrote them with Jinja2 3.1.6 and CPython 3.11. */
    @Test
    void shouldRenderAndRefuseWhatPythonDoesInTheSameWords() throws IOException {
        List<String> wrong = new ArrayList<>();
        try (BufferedReader lines =
                new BufferedReader(new InputStreamReader(resource("probes.jsonl"), StandardCharsets.UTF_8))) {
            Map<String, Object> context = map(JSON.readTree(lines.readLine()).get("context"));
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                compare(line, JSON.readTree(line), context, wrong);
            }
        }
        assertThat(wrong).isEmpty();
    }

    @Test
    void shouldRenderChatsOfRealTemplatesAsPythonDoes() throws IOException {
        JsonNode golden = JSON.readTree(Files.readString(Shared.file("fixtures/chat-templates/rendered.json")));
        List<String> wrong = new ArrayList<>();
        for (JsonNode row : golden.get("cases")) {
            JsonNode template = golden.get("templates").get(row.get("template").asText());
            Map<String, Object> variables = new HashMap<>();
            variables.put(
                    "messages",
                    JSON.convertValue(golden.get("chats").get(row.get("chat").asText()), Object.class));
            variables.put(
                    "tools",
                    row.get("tools").asBoolean() ? JSON.convertValue(golden.get("tools"), Object.class) : null);
            variables.put(
                    "add_generation_prompt", row.get("add_generation_prompt").asBoolean());
            variables.put("bos_token", template.get("bos").asText());
            variables.put("eos_token", template.get("eos").asText());
            JsonNode both = JSON.createObjectNode()
                    .<com.fasterxml.jackson.databind.node.ObjectNode>set("template", template.get("template"))
                    .setAll(Map.of("rendered", row.get("rendered"), "error", row.get("error")));
            compare(row.get("template") + " " + row.get("chat"), both, variables, wrong);
        }
        assertThat(golden.get("cases")).hasSizeGreaterThan(50);
        assertThat(wrong).isEmpty();
    }

    /** What JavaScript renders; snippets-python.json has what Python does where that is something else. */
    @Test
    void shouldRenderTheSnippetsOfHuggingFacesOtherEngine() throws IOException {
        JsonNode golden = JSON.readTree(Files.readString(Shared.file("fixtures/chat-templates/snippets.json")));
        JsonNode python = JSON.readTree(resource("snippets-python.json"));
        List<String> wrong = new ArrayList<>();
        for (Iterator<String> names = golden.fieldNames(); names.hasNext(); ) {
            String name = names.next();
            JsonNode snippet = golden.get(name);
            if (!snippet.get("needs_function").asBoolean()) {
                JsonNode expected = python.has(name)
                        ? python.get(name)
                        : JSON.createObjectNode().set("rendered", snippet.get("expected"));
                JsonNode both = ((com.fasterxml.jackson.databind.node.ObjectNode) expected)
                        .set("template", snippet.get("template"));
                compare(name, both, map(snippet.get("context")), wrong);
            }
        }
        assertThat(golden).hasSizeGreaterThan(70);
        assertThat(wrong).isEmpty();
    }

    @Test
    void shouldSayWhereTheAssistantSpeaksInJavaCharacters() {
        Rendered rendered = render(
                "😀{% for m in chat %}{{ m }}:{% generation %}{{ m }}\n{% endgeneration %}{% endfor %}",
                Map.of("chat", List.of("a", "😀b")));
        assertThat(rendered.text()).isEqualTo("😀a:a\n😀b:😀b\n");
        assertThat(rendered.generations()).containsExactly(new Span(4, 6), new Span(10, 14));
    }

    @Test
    void shouldGiveTheLineAndTheCategoryWithPythonsWords() {
        assertThatThrownBy(() -> JinjaTemplate.parse("a\n{{ b c }}"))
                .isInstanceOfSatisfying(
                        TuttiException.class, e -> assertThat(e.category()).isEqualTo(Category.DATA))
                .hasMessage("chat template, line 2: expected token 'end of print statement', got 'c'");
        assertThatThrownBy(() -> render("a\n\n{% if true %}\n{{ x.y }}{% endif %}", Map.of()))
                .isInstanceOfSatisfying(
                        TuttiException.class, e -> assertThat(e.category()).isEqualTo(Category.DATA))
                .hasMessage("chat template, line 4: 'x' is undefined");
    }

    @Test
    void shouldRefuseWhatItDoesNotKnowByName() {
        assertThatThrownBy(() -> JinjaTemplate.parse("{{ x|urlize }}"))
                .hasMessageContaining("No filter named 'urlize'.");
        assertThatThrownBy(() -> JinjaTemplate.parse("{% include 'x' %}"))
                .hasMessageContaining("the tag 'include' is not supported");
        assertThatThrownBy(() -> render("{{ 2 ** 64 }}", Map.of())).hasMessageContaining("does not fit 64 bits");
        assertThatThrownBy(() -> render("{{ x }}", Map.of("x", new Object())))
                .hasMessageContaining("a variable holds a java.lang.Object");
    }

    @Test
    void shouldNotSeeOrMakeChangesOfTheVariables() {
        Map<String, Object> message = new LinkedHashMap<>(Map.of("role", "user"));
        render(
                "{% set ns = namespace(message) %}{% set ns.role = 'x' %}{{ dict(message, role='y') }}",
                Map.of("message", message));
        assertThat(message).isEqualTo(Map.of("role", "user"));
    }

    /** Each would take minutes, gigabytes or the whole stack. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
                "{% for a in range(99999) %}{% for b in range(99999) %}{{ b }}{% endfor %}{% endfor %}",
                "{% set ns = namespace(s='ab') %}{% for a in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
                "{% set ns = namespace(s='ab') %}{% for a in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
                "{% set ns = namespace(s=[1]) %}{% for a in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
                "{% set ns = namespace(s=[1]) %}{% for a in range(99) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}",
                "{% set ns = namespace(s=[1]) %}{% for a in range(99) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s|tojson }}",
                "{% set ns = namespace(s=[1], t=[1]) %}{% for a in range(99) %}{% set ns.s = [ns.s, ns.s] %}"
                        + "{% set ns.t = [ns.t, ns.t] %}{% endfor %}{{ ns.s == ns.t }}",
                "{% set ns = namespace(s=(1, 1)) %}{% for a in range(99) %}{% set ns.s = (ns.s, ns.s) %}{% endfor %}{{ {ns.s: 1} }}",
                "{% set ns = namespace(s=[1]) %}{% for a in range(9999) %}{% set ns.s = [ns.s] %}{% endfor %}{{ ns.s }}",
                "{% set ns = namespace(s=[1]) %}{% for a in range(9999) %}{% set ns.s = [ns.s] %}{% endfor %}{{ ns.s|tojson }}",
                "{% set ns = namespace(s=[1]) %}{% for a in range(9999) %}{% set ns.s = ns.s|map('string') %}{% endfor %}{{ ns.s|list }}",
                "{% set ns = namespace(s=[1]) %}{% for a in range(9999) %}{% set ns.s = ns.s|batch(1) %}{% endfor %}{{ ns.s|list }}",
                "{{ 'a' * 999999999 }}",
                "{{ [1] * 999999999 }}",
                "{{ 'a'.ljust(999999999) }}",
                "{{ '%999999999d' % 1 }}",
                "{{ '{:99999999d}'.format(1) }}",
                "{{ 'a'|center(999999999) }}",
                "{{ 'a'|indent(999999999) }}",
                "{{ [1]|batch(999999999, 1)|list }}",
                "{{ [1]|slice(999999999, 1)|list }}",
                "{{ ('a' * 9999999).replace('a', 'a' * 9999) }}",
                "{{ ['a' * 9999]|join|replace('', 'b' * 9999) }}",
                "{{ range(99999)|join('a' * 9999) }}",
                "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
                "{% macro m(a) %}{% call m(1) %}{{ caller() }}{% endcall %}{% endmacro %}{{ m(1) }}",
                "{% for a in [[1]] recursive %}{{ loop([a]) }}{% endfor %}",
                "{% set ns = namespace() %}{% set ns.a = [ns] %}{% set ns.b = ns %}{{ ns }}",
            })
    @Timeout(60)
    void shouldStopATemplateThatWouldExhaustTheProcess(String template) throws Exception {
        assertThatThrownBy(() -> onSmallStack(() -> render(template, Map.of())))
                .hasMessageContaining("chat template, line");
    }

    @Test
    void shouldRefuseDeepNestingAndNotRunOutOfStack() throws Exception {
        for (String deep : List.of(
                "{{ " + "(".repeat(20_000) + "1" + ")".repeat(20_000) + " }}",
                "{{ " + "[".repeat(20_000) + "]".repeat(20_000) + " }}",
                "{{ " + "not ".repeat(20_000) + "1 }}",
                "{{ " + "-".repeat(20_000) + "1 }}",
                "{{ " + "1 if 0 else ".repeat(10_000) + "1 }}",
                "{{ 1" + "+1".repeat(20_000) + " }}",
                "{{ 1" + "**1".repeat(20_000) + " }}",
                "{{ a" + ".a".repeat(20_000) + " }}",
                "{{ a" + "|string".repeat(20_000) + " }}",
                "{{ 0" + " or 0".repeat(20_000) + " }}",
                "{{ f" + "(f".repeat(20_000) + ")".repeat(20_000) + " }}",
                "{% if 1 %}".repeat(10_000),
                "{% for " + "(".repeat(20_000) + "a",
                "{% for a in b %}".repeat(10_000))) {
            assertThatThrownBy(() -> onSmallStack(() -> render(deep, Map.of())))
                    .hasMessageContaining("chat template, line 1: ");
        }
        Object nested = Collections.emptyList();
        for (int i = 0; i < 100_000; i++) {
            nested = List.of(nested);
        }
        Object deep = nested;
        assertThatThrownBy(() -> onSmallStack(() -> render("{{ x }}", Map.of("x", deep))))
                .hasMessageContaining("recursion");
        assertThatThrownBy(() -> JinjaTemplate.parse(" ".repeat(1_000_001))).hasMessageContaining("1000001 characters");
    }

    private static Rendered render(String template, Map<String, ?> variables) {
        return JinjaTemplate.parse(template).render(variables, NOON);
    }

    private static <T> T onSmallStack(Callable<T> task) throws Exception {
        FutureTask<T> future = new FutureTask<>(task);
        Thread thread = new Thread(null, future, "tutti-small-stack", 512 * 1024);
        thread.start();
        try {
            return future.get(60, TimeUnit.SECONDS);
        } catch (java.util.concurrent.ExecutionException e) {
            throw e.getCause() instanceof Exception cause ? cause : e;
        }
    }

    private static void compare(String name, JsonNode golden, Map<String, Object> variables, List<String> wrong) {
        JsonNode text = golden.get("rendered");
        String expected = text == null || text.isNull() ? golden.get("error").asText() : text.asText();
        boolean isError = text == null || text.isNull();
        try {
            Rendered rendered = render(golden.get("template").asText(), variables);
            if (isError || !rendered.text().equals(expected)) {
                wrong.add("%s%n  python  %s%n  tutti   %s".formatted(name, quote(expected), quote(rendered.text())));
            } else if (golden.has("generations")) {
                List<List<Integer>> spans = rendered.generations().stream()
                        .map(span -> List.of(span.start(), span.end()))
                        .toList();
                if (!spans.toString()
                        .replace(" ", "")
                        .equals(golden.get("generations").toString())) {
                    wrong.add("%s%n  python  %s%n  tutti   %s".formatted(name, golden.get("generations"), spans));
                }
            }
        } catch (TuttiException e) {
            if (!isError
                    || !e.getMessage()
                            .replaceFirst("chat template, line \\d+: ", "")
                            .equals(expected)) {
                wrong.add("%s%n  python  %s%n  tutti   %s".formatted(name, quote(expected), e.getMessage()));
            }
        } catch (RuntimeException e) {
            wrong.add("%s%n  python  %s%n  tutti   %s %s"
                    .formatted(
                            name, quote(expected), e, List.of(e.getStackTrace()).subList(0, 3)));
        }
    }

    private static String quote(String text) {
        return text.replace("\n", "\\n").replace("\t", "\\t");
    }

    private static Map<String, Object> map(JsonNode node) {
        return JSON.convertValue(node, new TypeReference<Map<String, Object>>() {});
    }

    private static InputStream resource(String name) {
        return JinjaTemplateTest.class.getResourceAsStream(name);
    }
}
