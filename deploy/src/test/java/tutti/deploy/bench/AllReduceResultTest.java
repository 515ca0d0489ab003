package tutti.deploy.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import org.junit.jupiter.api.Test;
import tutti.common.config.AllReduceConfig.ReduceDType;

class AllReduceResultTest {
    private static final AllReduceResult FOUR =
            AllReduceResult.of(4, Transport.SHM, ReduceDType.FLOAT32, 4 << 20, new Spread(2e-3, 1e-3, 1.2345678));

    @Test
    void shouldDivideByTheMedianTimeAndWeighTheBusByItsRanks() {
        assertThat(FOUR.timeUs()).isEqualTo(new Spread(2000, 1000, 1234567.8));
        assertThat(FOUR.algbwGbps()).isCloseTo(2.097152, within(1e-12));
        assertThat(FOUR.busbwGbps()).isCloseTo(2.097152 * 1.5, within(1e-12));
        AllReduceResult two = two(ReduceDType.FLOAT32);
        assertThat(two.busbwGbps()).isEqualTo(two.algbwGbps()).isCloseTo(1, within(1e-12));
        AllReduceResult half = two(ReduceDType.BFLOAT16);
        assertThat(half.algbwGbps()).as("of what was summed").isEqualTo(two.algbwGbps());
        assertThat(half.busbwGbps()).as("of what travelled").isEqualTo(two.busbwGbps() / 2);
    }

    @Test
    void shouldWriteTheNamesThatMachinesReadAndReadThemBack() throws Exception {
        String text = new ObjectMapper().writeValueAsString(FOUR);
        JsonNode json = new ObjectMapper().readTree(text);
        assertThat(json.fieldNames())
                .toIterable()
                .containsExactly(
                        "world_size", "transport", "reduce_dtype", "bytes", "time_us", "algbw_gbps", "busbw_gbps");
        assertThat(json.get("transport").asText()).isEqualTo("shm");
        assertThat(json.get("time_us").fieldNames()).toIterable().containsExactly("median", "min", "max");
        assertThat(new ObjectMapper().readValue(text, AllReduceResult.class)).isEqualTo(FOUR);
    }

    private static AllReduceResult two(ReduceDType reduceDType) {
        return AllReduceResult.of(2, Transport.UDP, reduceDType, 1000, new Spread(1e-6, 1e-6, 1e-6));
    }

    @Test
    void shouldPrintATableForPeople() {
        assertThat((FOUR.head("a machine") + FOUR.row()).lines())
                .containsExactly(
                        "float32 all-reduce, 4 ranks, shm",
                        "a machine",
                        "",
                        "         bytes           us                 min .. max   algbw GB/s   busbw GB/s",
                        "     4,194,304      2,000.0     1,000.0 .. 1,234,567.8        2.097        3.146");
        assertThat(two(ReduceDType.BFLOAT16).head("a machine"))
                .startsWith("float32 all-reduce, 2 ranks, udp in bfloat16");
    }
}
