package tutti.common.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.common.Shared;
import tutti.common.error.Category;
import tutti.common.error.TuttiException;

class SafetensorsFileTest {
    private static final JsonMapper JSON = new JsonMapper();

    @TempDir
    Path folder;

    @TestFactory
    List<DynamicTest> shouldJudgeEveryFixtureAsItsIndexSays() throws IOException {
        Path fixtures = Shared.file("fixtures/safetensors");
        List<DynamicTest> tests = new ArrayList<>();
        for (JsonNode fixture : JSON.readTree(fixtures.resolve("index.json").toFile())) {
            Path file = fixtures.resolve(fixture.get("file").asText());
            boolean valid = fixture.get("valid").asBoolean();
            tests.add(DynamicTest.dynamicTest(file.getFileName().toString(), () -> {
                assertThat(Files.size(file)).isEqualTo(fixture.get("bytes").asLong());
                if (valid) {
                    SafetensorsFile.open(file).close();
                } else {
                    assertThatThrownBy(() -> SafetensorsFile.open(file))
                            .isInstanceOfSatisfying(TuttiException.class, e -> {
                                assertThat(e.category()).isEqualTo(Category.DATA);
                                assertThat(e.getMessage())
                                        .startsWith(file.toString())
                                        .doesNotContain("\n");
                            });
                }
            }));
        }
        return tests;
    }

    @Test
    void shouldReadEveryTypeOfTheFixtureWithItsValues() throws IOException {
        Path fixtures = Shared.file("fixtures/safetensors");
        JsonNode expected = JSON.readTree(fixtures.resolve("ok_dtypes.json").toFile());
        try (SafetensorsFile file = SafetensorsFile.open(fixtures.resolve("ok_dtypes.safetensors"))) {
            assertThat(file.metadata()).containsEntry("format", "pt");
            for (var entry : expected.properties()) {
                TensorInfo info = file.tensors().get(entry.getKey());
                assertThat(info.shape()).containsExactly(3L, 5L);
                for (int i = 0; i < 15; i++) {
                    ByteBuffer one = little(info.dtype().bytes());
                    file.read(info.name(), i, one);
                    JsonNode value = entry.getValue().get(i / 5).get(i % 5);
                    double number = value.isBoolean() ? (value.asBoolean() ? 1 : 0) : value.asDouble();
                    assertThat(number(info.dtype(), one.flip()))
                            .as("%s[%d]", info.name(), i)
                            .isEqualTo(number);
                }
            }
        }
    }

    @Test
    void shouldListTensorsInTheOrderOfTheirBytes() {
        try (SafetensorsFile file =
                SafetensorsFile.open(Shared.file("fixtures/safetensors/ok_offsets_not_in_name_order.safetensors"))) {
            assertThat(file.tensors().keySet()).containsExactly("b", "a");
            ByteBuffer one = little(4);
            file.read("a", 0, one);
            assertThat(one.getFloat(0)).isEqualTo(9f);
            file.read("b", 0, one.clear());
            assertThat(one.getFloat(0)).isEqualTo(7f);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[1,1]}}",
                "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,1]}}",
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[1.0],\"data_offsets\":[0,1]}}",
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}}",
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1,1]}}",
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[0,4611686018427387904,4],\"data_offsets\":[0,1]}}",
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}",
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}} {}",
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}",
                "{\"__metadata__\":{\"n\":1},\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
                "{\"a\\nb\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,1]}}",
                "[]",
                "",
                "null"
            })
    void shouldRefuseAHeaderThatBreaksARule(String header) throws IOException {
        Path file = folder.resolve("bad.safetensors");
        Files.write(file, withHeader(header, 1));
        assertThatThrownBy(() -> SafetensorsFile.open(file))
                .isInstanceOf(TuttiException.class)
                .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"));
    }

    @Test
    void shouldRefuseAHeaderInUtf16() throws IOException {
        Path file = folder.resolve("bad.safetensors");
        byte[] text = "{}".getBytes(StandardCharsets.UTF_16LE);
        Files.write(file, little(8 + text.length).putLong(text.length).put(text).array());
        assertThatThrownBy(() -> SafetensorsFile.open(file)).isInstanceOf(TuttiException.class);
    }

    @Test
    void shouldRefuseEveryCutOfAGoodFile() throws IOException {
        byte[] whole = withHeader("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8);
        Path file = folder.resolve("cut.safetensors");
        Files.write(file, whole);
        SafetensorsFile.open(file).close();
        for (int length = 0; length < whole.length; length++) {
            Files.write(file, Arrays.copyOf(whole, length));
            assertThatThrownBy(() -> SafetensorsFile.open(file))
                    .as("first %d bytes", length)
                    .isInstanceOf(TuttiException.class)
                    .hasMessageContaining("cut.safetensors");
        }
    }

    @Test
    void shouldOnlyEverOpenOrRefuseADamagedHeader() throws IOException {
        byte[] whole = withHeader(
                "{\"__metadata__\":{\"format\":\"pt\"},\"a\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]},"
                        + "\"b\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[8,9]}}",
                9);
        Random random = new Random(42);
        Path file = folder.resolve("fuzz.safetensors");
        for (int round = 0; round < 3000; round++) {
            byte[] damaged = whole.clone();
            for (int hit = random.nextInt(3); hit >= 0; hit--) {
                damaged[random.nextInt(whole.length - 9)] =
                        random.nextBoolean() ? whole[8 + random.nextInt(whole.length - 17)] : (byte) random.nextInt();
            }
            Files.write(file, damaged);
            try (SafetensorsFile open = SafetensorsFile.open(file)) {
                assertThat(open.tensors().values().stream()
                                .mapToLong(TensorInfo::bytes)
                                .sum())
                        .as("round %d", round)
                        .isLessThan(whole.length);
            } catch (TuttiException refused) {
                assertThat(refused.category()).as("round %d", round).isEqualTo(Category.DATA);
            }
        }
    }

    @Test
    void shouldRefuseReadsOutsideATensor() throws IOException {
        Path file = folder.resolve("a.safetensors");
        Files.write(file, withHeader("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8));
        try (SafetensorsFile open = SafetensorsFile.open(file)) {
            assertThatThrownBy(() -> open.read("a", 1, little(8))).hasMessageContaining("outside");
            assertThatThrownBy(() -> open.read("a", -1, little(4))).hasMessageContaining("outside");
            assertThatThrownBy(() -> open.read("a", Long.MAX_VALUE, little(4))).hasMessageContaining("outside");
            assertThatThrownBy(() -> open.read("b", 0, little(4))).hasMessageContaining("no tensor 'b'");
        }
    }

    @Test
    void shouldNameAFileThatIsMissing() {
        assertThatThrownBy(() -> SafetensorsFile.open(folder.resolve("none.safetensors")))
                .hasMessageContaining("none.safetensors: no such file");
    }

    private static byte[] withHeader(String header, int data) {
        byte[] text = header.getBytes(StandardCharsets.UTF_8);
        return little(8 + text.length + data).putLong(text.length).put(text).array();
    }

    private static ByteBuffer little(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static double number(StoredDType dtype, ByteBuffer one) {
        return switch (dtype) {
            case F64 -> one.getDouble(0);
            case F32 -> one.getFloat(0);
            case F16 -> FloatCodec.f16ToF32(one.getShort(0));
            case BF16 -> FloatCodec.bf16ToF32(one.getShort(0));
            case I64 -> one.getLong(0);
            case I32 -> one.getInt(0);
            case I16 -> one.getShort(0);
            case I8 -> one.get(0);
            default -> one.get(0) & 0xFF;
        };
    }
}
