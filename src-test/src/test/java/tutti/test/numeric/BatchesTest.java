package tutti.test.numeric;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tutti.test.support.TrainSpec;

/** However samples are put together and dealt out, a step's loss and gradient are those of its samples. */
class BatchesTest {
    private static final int SAMPLES = 11;

    @TempDir
    Path folder;

    private List<String> samples;

    @BeforeEach
    void readSamples() throws IOException {
        samples = Files.readAllLines(TrainSpec.writeData(folder)).subList(0, SAMPLES);
    }

    /** Every step has all samples, in one micro-batch. */
    @ParameterizedTest
    @CsvSource({"torch,3,1e-5", "nd4j,3,1e-5", "reference,1,1e-10"})
    void shouldStepAsWithoutPacks(String backend, String steps, double tolerance) throws Exception {
        Map<String, String> flags = flags(samples, SAMPLES);
        flags.put("backend", backend);
        flags.put("max_steps", steps);
        InProcessRun plain = InProcessRun.of(flags, 1);
        flags.put("packing", "True");
        flags.put("model_max_length", Integer.toString(4 * TrainSpec.longest()));
        InProcessRun packed = InProcessRun.of(flags, 1);
        assertClose(packed.losses(), plain.losses(), tolerance);
        assertClose(packed.gradNorms(), plain.gradNorms(), tolerance);
    }

    /** The learning rate is 0: a step behind others has the weights of a first one. */
    @ParameterizedTest(name = "{0} ranks")
    @ValueSource(ints = {1, 2, 3})
    void shouldWeighTheLastBatchOfAnEpochByItsOwnTokens(int ranks) throws Exception {
        Map<String, String> flags = flags(samples, 6 / ranks);
        flags.put("learning_rate", "0");
        flags.put("num_train_epochs", "1");
        flags.remove("max_steps");
        InProcessRun epoch = InProcessRun.of(flags, ranks);
        assertThat(epoch.losses()).hasSize(2);
        flags.putAll(flags(samples.subList(6, SAMPLES), SAMPLES));
        flags.put("max_steps", "1");
        InProcessRun last = InProcessRun.of(flags, 1);
        assertClose(epoch.losses().subList(1, 2), last.losses(), 1e-5);
        assertClose(epoch.gradNorms().subList(1, 2), last.gradNorms(), 1e-5);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"packing=True", "group_by_length=True", "data_weights=0.5,2", "packing=True data_weights=2,0.7"})
    void shouldLeaveTheSameBitsHoweverManyWorkersHoldTheVirtualRanks(String more) throws Exception {
        Map<String, String> flags = flags(samples.subList(0, 6), 1);
        if (more.contains("weights")) {
            Path others = Files.write(folder.resolve("others.jsonl"), samples.subList(6, SAMPLES));
            flags.merge("data_path", others.toString(), (one, two) -> one + "," + two);
        }
        flags.put("shuffle", "True");
        flags.put("virtual_ranks", "2");
        flags.put("max_steps", "7");
        InProcessRun plain = InProcessRun.of(flags, 1);
        for (String flag : more.split(" ")) {
            flags.put(flag.split("=")[0], flag.split("=")[1]);
        }
        InProcessRun one = InProcessRun.of(flags, 1);
        InProcessRun two = InProcessRun.of(flags, 2);
        assertThat(two.losses()).isEqualTo(one.losses()).isNotEqualTo(plain.losses());
        assertThat(two.gradNorms()).isEqualTo(one.gradNorms());
        assertThat(two.hashes()).containsOnly(one.hashes().get(0));
    }

    @Test
    void shouldGiveTheSameBitsWithWeightsOfOne() throws Exception {
        Map<String, String> flags = flags(samples, 2);
        flags.put("max_steps", "4");
        InProcessRun plain = InProcessRun.of(flags, 1);
        flags.put("data_weights", "1.0");
        assertThat(InProcessRun.of(flags, 1).hashes()).isEqualTo(plain.hashes());
    }

    private Map<String, String> flags(List<String> of, int batch) throws IOException {
        Path data = Files.write(folder.resolve("of-%d.jsonl".formatted(of.size())), of);
        Map<String, String> flags = new HashMap<>(TrainSpec.flags(data, folder.resolve("out"), batch, 1));
        flags.put("save_final_model", "False");
        return flags;
    }

    private static void assertClose(List<Double> actual, List<Double> expected, double relative) {
        assertThat(actual).hasSameSizeAs(expected);
        for (int i = 0; i < expected.size(); i++) {
            assertThat(actual.get(i))
                    .as("step %d", i + 1)
                    .isCloseTo(expected.get(i), within(relative * Math.abs(expected.get(i))));
        }
    }
}
