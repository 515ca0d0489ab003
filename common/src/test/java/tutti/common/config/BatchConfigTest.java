package tutti.common.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BatchConfigTest {

    @Test
    void shouldUseEverySampleOnceUnlessAskedFor() {
        assertThat(read("").weighted()).isFalse();
        assertThat(read("data_weights=1,1.0")).isEqualTo(read(""));
        assertThat(read("data_weights=1,0.5 packing=True").weights()).containsExactly(1.0, 0.5);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "packing=True group_by_length=True | --group_by_length with --packing: all packs are equally long",
                "group_by_length=True shuffle=False | --group_by_length with --shuffle False",
                "group_by_length=True data_weights=1,2 | --group_by_length with --data_weights",
                "data_weights=1 | --data_weights=1: 1 weights for 2 entries of --data_path",
                "data_weights=1,0 | --data_weights=0.0: more than 0",
                "data_weights=1,Infinity | --data_weights=Infinity: more than 0",
                "data_weights=1,half | --data_weights=half: not a number",
            })
    void shouldRefuseWhatDoesNotGoTogether(String flags, String message) {
        assertThatThrownBy(() -> read(flags)).hasMessageContaining(message);
    }

    private static BatchConfig read(String flags) {
        Map<String, String> all = new HashMap<>(Map.of("data_path", "a.json,b"));
        Arrays.stream(flags.split(" "))
                .filter(flag -> !flag.isEmpty())
                .map(flag -> flag.split("="))
                .forEach(flag -> all.put(flag[0], flag[1]));
        Settings settings = Settings.of(all, null);
        return BatchConfig.read(settings, DataConfig.read(settings));
    }
}
