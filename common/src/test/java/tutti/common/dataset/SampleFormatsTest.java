package tutti.common.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tutti.common.config.DataConfig;
import tutti.common.config.DataFormat;
import tutti.common.config.SampleBy;

/** JSON is written with single quotes here. */
class SampleFormatsTest {

    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "alpaca | {'instruction':'i','input':'x','output':'o'} | USER i\\nx ASSISTANT o",
                "alpaca | {'instruction':'i','input':'','output':'o','text':'all'} | USER i ASSISTANT o",
                "alpaca | {'instruction':'i','input':null,'output':'o','system':''} | USER i ASSISTANT o",
                "alpaca | {'instruction':'','input':'x','output':'o'} | USER x ASSISTANT o",
                "alpaca | {'instruction':'i','output':'o','system':'s','history':[['a','b'],['c','d']]}"
                        + " | SYSTEM s USER a ASSISTANT b USER c ASSISTANT d USER i ASSISTANT o",
                "dolly | {'instruction':'i','context':'c','response':'r','category':'qa'} | USER i\\nc ASSISTANT r",
                "dolly | {'instruction':'i','response':'r'} | USER i ASSISTANT r",
                "gsm8k | {'question':'q','answer':'#### 7'} | USER q ASSISTANT #### 7",
                "sql_create_context | {'question':'q','context':'CREATE TABLE t (a INT)','answer':'SELECT a FROM t'}"
                        + " | USER CREATE TABLE t (a INT)\\nq ASSISTANT SELECT a FROM t",
                "sharegpt | {'conversations':[{'from':'human','value':'q'},{'from':'chatgpt','value':'a'}],'system':'s'}"
                        + " | SYSTEM s USER q ASSISTANT a",
                "sharegpt | {'conversations':[{'from':'system','value':'t'},{'from':'human','value':'q'}],'system':'s'}"
                        + " | SYSTEM t USER q",
                "sharegpt | {'conversations':[{'role':'user','content':'q'},{'role':'assistant','content':'a'}]}"
                        + " | USER q ASSISTANT a",
                "messages | {'messages':[{'role':'developer','content':'s'},{'role':'user','content':'q','name':'n'},"
                        + "{'role':'assistant','content':'a'}]} | SYSTEM s USER q ASSISTANT a",
                "messages | {'messages':[{'role':'user','content':[{'type':'text','text':'a'},{'type':'text','text':'b'}]}]}"
                        + " | USER ab",
                "prompt_completion | {'prompt':[{'role':'user','content':'q'}],'completion':[{'role':'assistant','content':'a'}]}"
                        + " | USER q ASSISTANT a",
            })
    void shouldTellAConversationByItsFields(String format, String json, String turns) throws IOException {
        Datasets.Loaded loaded = load(json, DataFormat.AUTO, Map.of());
        assertThat(loaded.notes()).singleElement().asString().contains("1 sample of " + format + ", JSON Lines");
        assertThat(shown((Conversation) loaded.examples().get(0))).isEqualTo(turns.replace("\\n", "\n"));
    }

    @Test
    void shouldTellTextsAndTokensByTheirFields() throws IOException {
        Path file = folder.resolve("a.jsonl");
        assertThat(load("{'prompt':' p ','completion':''}")).isEqualTo(new Completion(file + ":1", " p ", ""));
        assertThat(load("{'text':' t\\n','meta':{}}")).isEqualTo(new PlainText(file + ":1", " t\n"));
        Tokens tokens = (Tokens) load("{'input_ids':[1,2],'attention_mask':[1,1],'labels':[-100,2],'text':'x'}");
        assertThat(tokens.inputIds()).containsExactly(1, 2);
        assertThat(tokens.labels()).containsExactly(-100, 2);
    }

    @Test
    void shouldLearnOnlyTurnsThatAreNotLeftOut() throws IOException {
        Conversation read = (Conversation)
                load(
                        "{'messages':[{'role':'user','content':'q'},{'role':'assistant','content':'a','weight':0},"
                                + "{'role':'user','content':'q'},{'role':'assistant','content':'b','weight':1.0},"
                                + "{'role':'user','content':'q'},{'role':'assistant','content':'c','train':false},"
                                + "{'role':'user','content':'q'},{'role':'assistant','content':'d','training':true,'weight':null}]}");
        assertThat(answers(read)).containsExactly("a false", "b true", "c false", "d true");
        assertThat(answers((Conversation) load(
                        "{'conversations':[{'from':'human','value':'q'},{'from':'gpt','value':'a','train':false}]}")))
                .containsExactly("a false");
        assertThat(answers((Conversation) load(
                        "{'prompt':[{'role':'user','content':'q'},{'role':'assistant','content':'a'},{'role':'user','content':'r'}],"
                                + "'completion':[{'role':'assistant','content':'b'}]}")))
                .containsExactly("a false", "b true");
    }

    @Test
    void shouldWriteToolCallsAsShareGptDoes() throws IOException {
        Conversation read = (Conversation) load("{'messages':[{'role':'user','content':'q'},"
                + "{'role':'assistant','content':null,'tool_calls':[{'id':'1','type':'function','function':"
                + "{'name':'f','arguments':'{\\\"a\\\": [1, 2]}'}}]},"
                + "{'role':'tool','tool_call_id':'1','content':'r'},"
                + "{'role':'assistant','content':'And:','tool_calls':[{'function':{'name':'f','arguments':{}}},"
                + "{'function':{'name':'g','arguments':'no json'}}]},"
                + "{'role':'tool','content':'r1'},{'role':'tool','content':'r2'},{'role':'assistant','content':'a'}],"
                + "'tools':[{'type':'function'}]}");
        assertThat(shown(read))
                .isEqualTo("USER q ASSISTANT {\"name\": \"f\", \"arguments\": {\"a\": [1, 2]}} TOOL r"
                        + " ASSISTANT And:\n[{\"name\": \"f\", \"arguments\": {}}, {\"name\": \"g\", \"arguments\": \"no json\"}]"
                        + " TOOL r1\nr2 ASSISTANT a");
        assertThat(read.tools()).isEqualTo("[{\"type\": \"function\"}]");
    }

    @Test
    void shouldReadFieldsByTheNamesThatAreGiven() throws IOException {
        String json = "{'question':'q','query':'a','rules':'s','answer':'x'}";
        Map<String, String> names = Map.of("instruction", "question", "output", "query", "system", "rules");
        assertThat(shown((Conversation)
                        load(json, DataFormat.ALPACA, names).examples().get(0)))
                .isEqualTo("SYSTEM s USER q ASSISTANT a");
        assertThat(load("{'body':'t','text':'u'}", DataFormat.TEXT, Map.of("text", "body"))
                        .examples())
                .containsExactly(new PlainText(folder.resolve("a.jsonl") + ":1", "t"));
        assertThat(shown((Conversation) load(
                                "{'chat':[{'role':'user','content':'q'}]}",
                                DataFormat.MESSAGES,
                                Map.of("messages", "chat"))
                        .examples()
                        .get(0)))
                .isEqualTo("USER q");
        assertThatThrownBy(() -> load("{'q':'x','output':'o'}", DataFormat.ALPACA, Map.of("instruction", "question")))
                .hasMessageContaining(
                        "a.jsonl:1: no field 'question', which samples of alpaca have; its keys are [output, q]");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "ALPACA | input | {'instruction':'i','about':'x','input':'y','output':'o'} | USER i\\nx ASSISTANT o",
                "ALPACA | input | {'instruction':'i','about':null,'output':'o'} | USER i ASSISTANT o",
                "DOLLY | context | {'instruction':'i','about':'x','context':'y','response':'o'} | USER i\\nx ASSISTANT o",
                "SQL_CREATE_CONTEXT | context | {'question':'q','about':'x','context':'y','answer':'a'} | USER x\\nq ASSISTANT a",
            })
    void shouldReadWhatAQuestionIsAboutByTheNameThatIsGiven(DataFormat format, String field, String json, String turns)
            throws IOException {
        Datasets.Loaded loaded = load(json, format, Map.of(field, "about"));
        assertThat(shown((Conversation) loaded.examples().get(0))).isEqualTo(turns.replace("\\n", "\n"));
    }

    @Test
    void shouldRefuseANameThatNoSampleHas() throws IOException {
        Map<String, String> names = Map.of("input", "abuot");
        String row = "{'instruction':'i','about':'x','output':'o'}";
        assertThatThrownBy(() -> load(row, DataFormat.ALPACA, names))
                .hasMessageContaining(
                        "a.jsonl: no sample has a field 'abuot', the name that was given for 'input' of alpaca");
        assertThat(load(row + "\n{'instruction':'i','abuot':'x','output':'o'}", DataFormat.ALPACA, names)
                        .examples())
                .as("some have it, others need not")
                .hasSize(2);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{'Question':'q','response':'r'} | unknown format, its keys are [Question, response]; supported are sharegpt [conversations],",
                "{'instruction':'i','output':null} | output is null, needs VALUE_STRING",
                "{'question':'q','answer':42} | answer is 42, needs VALUE_STRING",
                "{'text':['a']} | text is START_ARRAY, needs VALUE_STRING",
                "{'prompt':'p','completion':[]} | completion is START_ARRAY",
                "{'instruction':'i','output':'o','history':[['a']]} | history has [\"a\"], needs pairs",
                "{'messages':[]} | conversation has no turns",
                "{'messages':[{'role':'user'}]} | turn 0 needs \"role\" and \"content\"",
                "{'messages':[{'role':'user','content':null}]} | turn 0 content is null",
                "{'messages':[{'role':'critic','content':''}]} | turn 0 is from 'critic', known are human, user,",
                "{'messages':[{'role':'user','content':[{'type':'image_url'}]}]} | turn 0 has a part of type 'image_url'",
                "{'messages':[{'role':'user','content':'a','weight':0.5}]} | turn 0 weight is 0.5, needs true, false, 0 or 1",
                "{'messages':[{'role':'user','content':'a','train':'no'}]} | turn 0 train is \"no\"",
                "{'messages':[{'role':'user','content':'q'},{'role':'assistant','content':'','tool_calls':[{}]}]}"
                        + " | turn 1 tool_calls function name is missing",
                "{'prompt':[{'role':'user','content':'q'}],'completion':'a'} | completion is a, needs START_ARRAY",
            })
    void shouldRefuseWhatIsNotOfItsFormat(String json, String message) {
        assertThatThrownBy(() -> load(json)).hasMessageContaining("a.jsonl:1: " + message);
    }

    private Example load(String json) throws IOException {
        return load(json, DataFormat.AUTO, Map.of()).examples().get(0);
    }

    private Datasets.Loaded load(String json, DataFormat format, Map<String, String> names) throws IOException {
        Path file = Files.writeString(folder.resolve("a.jsonl"), json.replace('\'', '"'));
        return Datasets.load(new DataConfig(List.of(file), true, format, names, SampleBy.LINE, ""));
    }

    private static String shown(Conversation read) {
        return String.join(
                " ",
                read.turns().stream()
                        .map(turn -> turn.role() + " " + turn.text())
                        .toList());
    }

    private static List<String> answers(Conversation read) {
        return read.turns().stream()
                .filter(turn -> turn.role() == Role.ASSISTANT)
                .map(turn -> turn.text() + " " + turn.learned())
                .toList();
    }
}
