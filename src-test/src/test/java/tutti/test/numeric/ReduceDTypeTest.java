package tutti.test.numeric;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tutti.test.support.TrainSpec;
import tutti.worker.allreduce.Topology;

/** {@code --reduce_dtype bfloat16}: on which ranks the bits are the same, what they depend on, and how far they are from float32. */
class ReduceDTypeTest {
    private static final long GRADIENT_BYTES = 260_032L * Float.BYTES;

    @TempDir
    Path folder;

    private Path data;

    @BeforeEach
    void writeData() throws IOException {
        data = TrainSpec.writeData(folder);
    }

    @ParameterizedTest(name = "{0} nodes of {1} ranks, bf16 {2}")
    @CsvSource({"2,1,false", "2,2,false", "4,1,false", "2,2,true"})
    void shouldLeaveTheSameBitsOnAllRanksAgainAndAgainAndSharded(int nodes, int each, boolean bf16) throws Exception {
        Topology topology = Topology.even(nodes, each);
        InProcessRun first = run(topology, Map.of("reduce_dtype", "bfloat16", "bf16", Boolean.toString(bf16)));
        assertThat(first.hashes())
                .hasSize(nodes * each)
                .containsOnly(first.hashes().get(0));
        for (String zero : List.of("0", "1", "2")) {
            InProcessRun again =
                    run(topology, Map.of("reduce_dtype", "bfloat16", "bf16", Boolean.toString(bf16), "zero", zero));
            assertThat(again.hashes()).as("zero " + zero).isEqualTo(first.hashes());
            assertThat(again.losses()).as("zero " + zero).isEqualTo(first.losses());
            assertThat(again.gradNorms()).as("zero " + zero).isEqualTo(first.gradNorms());
        }
        InProcessRun otherBuckets = run(
                topology, Map.of("reduce_dtype", "bfloat16", "bf16", Boolean.toString(bf16), "bucket_cap_mb", "0.013"));
        assertThat(otherBuckets.hashes()).as("other buckets").isEqualTo(first.hashes());
    }

    /** As near to float32 over twelve steps as float32 is held to PyTorch: 1e-4 of a loss, 1e-3 of a gradient norm. */
    @Test
    void shouldTrainAsFloat32DoesWithHalfTheBytes() throws Exception {
        InProcessRun float32 = run(Topology.apart(4), Map.of());
        InProcessRun bfloat16 = run(Topology.apart(4), Map.of("reduce_dtype", "bfloat16"));
        assertClose(bfloat16.losses(), float32.losses(), 1e-4);
        assertClose(bfloat16.gradNorms(), float32.gradNorms(), 1e-3);
        assertThat(sent(float32)).isBetween(6 * GRADIENT_BYTES, 6 * GRADIENT_BYTES + 8192);
        assertThat(sent(bfloat16)).isBetween(3 * GRADIENT_BYTES, 3 * GRADIENT_BYTES + 8192);
        assertThat(bfloat16.wires().get(1).get(0).busBytes())
                .isEqualTo(float32.wires().get(1).get(0).busBytes() / 2);
    }

    @Test
    void shouldDependOnWhoSharesANodeAndOnOneNodeBeFloat32() throws Exception {
        Map<String, String> bfloat16 = Map.of("reduce_dtype", "bfloat16");
        String apart = run(Topology.apart(4), bfloat16).hashes().get(0);
        String twoByTwo = run(Topology.even(2, 2), bfloat16).hashes().get(0);
        String together = run(Topology.even(1, 4), bfloat16).hashes().get(0);
        String float32 = run(Topology.even(2, 2), Map.of()).hashes().get(0);
        assertThat(together).isEqualTo(float32);
        InProcessRun oneWorkerANode = run(
                Topology.even(2, 1),
                Map.of(
                        "reduce_dtype",
                        "bfloat16",
                        "virtual_ranks",
                        "4",
                        "nproc_per_node",
                        "2",
                        "per_device_train_batch_size",
                        "1"));
        assertThat(oneWorkerANode.hashes())
                .as("the same virtual ranks on each node")
                .containsOnly(twoByTwo);
        assertThat(List.of(apart, twoByTwo, float32)).doesNotHaveDuplicates();
    }

    private InProcessRun run(Topology topology, Map<String, String> more) throws Exception {
        int ranks = topology.worldSize();
        Map<String, String> flags = TrainSpec.flags(data, folder.resolve("out"), 4 / ranks, 1);
        flags.put("bucket_cap_mb", "0.25");
        flags.put("save_final_model", "False");
        flags.putAll(more);
        return InProcessRun.of(flags, topology, Files.createTempDirectory(folder, "shared"));
    }

    /** Of all ranks, in the first step. */
    private static long sent(InProcessRun run) {
        return run.wires().stream().mapToLong(steps -> steps.get(0).bytesSent()).sum();
    }

    private static void assertClose(List<Double> actual, List<Double> expected, double tolerance) {
        assertThat(actual).hasSameSizeAs(expected);
        double worst = IntStream.range(0, actual.size())
                .mapToDouble(i -> Math.abs(actual.get(i) / expected.get(i) - 1))
                .max()
                .orElseThrow();
        assertThat(worst).isCloseTo(0, within(tolerance));
    }
}
