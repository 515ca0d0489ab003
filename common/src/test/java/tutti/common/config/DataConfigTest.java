package tutti.common.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DataConfigTest {

    @ParameterizedTest
    @CsvSource({
        "sample_by=document, AUTO, {}",
        "dataset_format=gsm8k, GSM8K, {}",
        "prompt_field=question completion_field=query, PROMPT_COMPLETION, '{completion=query, prompt=question}'",
        "prompt_field=question, PROMPT_COMPLETION, {prompt=question}",
        "prompt_field=question system_field=rules, ALPACA, '{instruction=question, system=rules}'",
        "prompt_field=task input_field=about, ALPACA, '{input=about, instruction=task}'",
        "dataset_format=dolly context_field=facts, DOLLY, {context=facts}",
        "dataset_format=sql_create_context context_field=schema, SQL_CREATE_CONTEXT, {context=schema}",
        "messages_field=chat, MESSAGES, {messages=chat}",
        "messages_field=chat system_field=s, SHAREGPT, '{conversations=chat, system=s}'",
        "text_field=body, TEXT, {text=body}",
        "dataset_format=dolly completion_field=reply, DOLLY, {response=reply}",
        "dataset_format=sql_create_context prompt_field=q, SQL_CREATE_CONTEXT, {question=q}",
    })
    void shouldTellTheFormatFromTheFieldsThatAreNamed(String flags, DataFormat format, String renamed) {
        DataConfig config = read(flags);
        assertThat(config.format()).isEqualTo(format);
        assertThat(new TreeMap<>(config.renamed())).hasToString(renamed);
        assertThat(config.sampleBy()).isEqualTo(flags.startsWith("sample_by") ? SampleBy.DOCUMENT : SampleBy.LINE);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "dataset_format=vicuna | --dataset_format=vicuna: not one of auto, sharegpt, messages,",
                "sample_by=page | --sample_by=page: not one of line, paragraph, document",
                "text_field=a prompt_field=b | --prompt_field=b: samples of text have no such field",
                "dataset_format=gsm8k system_field=s | --system_field=s: samples of gsm8k have no such field",
                "dataset_format=gsm8k context_field=c | --context_field=c: samples of gsm8k have no such field",
                "dataset_format=dolly input_field=i | --input_field=i: samples of dolly have no such field",
                "prompt_field=q context_field=c | --context_field=c: needs --dataset_format dolly",
                "messages_field=m context_field=c | --context_field=c: samples of messages have no such field",
                "dataset_format=tokens text_field=t | --text_field=t: samples of tokens have no such field",
            })
    void shouldRefuseAFieldThatTheFormatDoesNotHave(String flags, String message) {
        assertThatThrownBy(() -> read(flags)).hasMessageContaining(message);
    }

    private static DataConfig read(String flags) {
        Map<String, String> all = new HashMap<>(Map.of("data_path", "a.json"));
        Arrays.stream(flags.split(" ")).map(flag -> flag.split("=")).forEach(flag -> all.put(flag[0], flag[1]));
        return DataConfig.read(Settings.of(all, null));
    }
}
