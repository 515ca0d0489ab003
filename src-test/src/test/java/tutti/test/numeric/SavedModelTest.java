package tutti.test.numeric;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.common.checkpoint.CommitDir;
import tutti.common.checkpoint.ModelFolder;
import tutti.common.checkpoint.TensorInfo;
import tutti.common.protocol.WorkerReport.WrittenFile;
import tutti.test.support.TrainSpec;
import tutti.worker.checkpoint.TrainerState;

/** Others must be able to read what we write: a reader in Python that knows nothing of ours but the format's rules. */
class SavedModelTest {
    /** Checks every rule of the format, then prints name, dtype, shape and sum of each tensor. */
    private static final String READER = """
            import json, struct, sys
            data = open(sys.argv[1], 'rb').read()
            length = struct.unpack('<Q', data[:8])[0]
            assert (8 + length) % 8 == 0, 'tensors do not begin at a multiple of 8 bytes'
            header = json.loads(data[8:8 + length].decode('utf-8'))
            metadata = header.pop('__metadata__', {})
            assert metadata.get('format') == 'pt', metadata
            end = 0
            out = {}
            for name, info in sorted(header.items(), key=lambda item: item[1]['data_offsets']):
                begin, stop = info['data_offsets']
                assert begin == end, name + ': a hole or an overlap before it'
                count = 1
                for dimension in info['shape']:
                    count *= dimension
                assert info['dtype'] == 'F32' and stop - begin == 4 * count, (name, info)
                values = struct.unpack('<%df' % count, data[8 + length + begin:8 + length + stop])
                out[name] = {'shape': info['shape'], 'sum': sum(values), 'size': sum(abs(v) for v in values)}
                end = stop
            assert 8 + length + end == len(data), 'bytes after the last tensor'
            print(json.dumps(out))
            """;

    @TempDir
    Path folder;

    @Test
    void shouldWriteNoModelWhereNoneIsWanted() throws Exception {
        Path output = Files.createDirectories(folder.resolve("out"));
        Map<String, String> flags = TrainSpec.flags(TrainSpec.writeData(folder), output, 4, 1);
        flags.put("max_steps", "1");
        flags.put("save_final_model", "False");
        InProcessRun run = InProcessRun.of(flags, 1);
        assertThat(run.hashes()).allMatch(hash -> hash.length() == 64);
        assertThat(output).isEmptyDirectory();
    }

    @Test
    void shouldSaveWhatItBeginsWithWhereNothingIsLeftToTrain() throws Exception {
        Path output = folder.resolve("out");
        Path partial = Files.createDirectories(CommitDir.partial(output, "checkpoint-2"));
        Map<String, String> flags = TrainSpec.flags(TrainSpec.writeData(folder), output, 2, 1);
        flags.put("max_steps", "2");
        InProcessRun run = InProcessRun.owingTheLast(flags, 2);
        assertThat(run.written()).isNotEmpty();
        assertThat(run.hashes())
                .hasSize(2)
                .doesNotContain("")
                .containsOnly(run.hashes().get(0));
        for (WrittenFile file : run.written()) {
            assertThat(partial.resolve(file.name())).hasSize(file.bytes());
        }
        TrainerState state = TrainerState.read(partial);
        assertThat(state.globalStep()).isEqualTo(2);
        assertThat(state.epoch()).isPositive();
        assertThat(Files.mismatch(output.resolve("model.safetensors"), partial.resolve("model.safetensors")))
                .isEqualTo(-1);
    }

    @Test
    void shouldWriteSafetensorsThatAnIndependentReaderReads() throws Exception {
        Path output = Files.createDirectories(folder.resolve("out"));
        Map<String, String> flags = TrainSpec.flags(TrainSpec.writeData(folder), output, 4, 1);
        flags.put("max_steps", "2");
        InProcessRun.of(flags, 1);

        JsonNode read = python(output.resolve("model.safetensors"));
        try (ModelFolder model = ModelFolder.open(output)) {
            assertThat(read.properties().stream().map(Map.Entry::getKey))
                    .containsExactlyInAnyOrderElementsOf(model.names());
            for (String name : model.names()) {
                TensorInfo info = model.info(name);
                List<Long> shape = new java.util.ArrayList<>();
                read.get(name).get("shape").forEach(dimension -> shape.add(dimension.asLong()));
                assertThat(shape).as(name).isEqualTo(info.shape());
                double size = read.get(name).get("size").asDouble();
                assertThat(sum(model, name))
                        .as(name)
                        .isCloseTo(read.get(name).get("sum").asDouble(), within(1e-12 * size));
            }
        }
    }

    private static double sum(ModelFolder model, String name) {
        ByteBuffer floats = ByteBuffer.allocateDirect(
                        Math.toIntExact(model.info(name).elements() * Float.BYTES))
                .order(ByteOrder.LITTLE_ENDIAN);
        model.readAsF32(name, floats);
        floats.flip();
        double sum = 0;
        while (floats.hasRemaining()) {
            sum += floats.getFloat();
        }
        return sum;
    }

    private JsonNode python(Path file) throws Exception {
        Path script = Files.writeString(folder.resolve("reader.py"), READER);
        Path answer = folder.resolve("answer.txt");
        Process python;
        try {
            python = new ProcessBuilder("python3", script.toString(), file.toString())
                    .redirectErrorStream(true)
                    .redirectOutput(answer.toFile())
                    .start();
        } catch (IOException e) {
            return Assumptions.abort("skipped: no python3 on PATH: " + e.getMessage());
        }
        assertThat(python.waitFor(2, TimeUnit.MINUTES)).as("python3 ended").isTrue();
        String said = Files.readString(answer, StandardCharsets.UTF_8);
        assertThat(python.exitValue()).as(said).isZero();
        return new ObjectMapper().readTree(said);
    }
}
