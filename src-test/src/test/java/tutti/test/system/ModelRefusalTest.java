package tutti.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tutti.common.error.Category;
import tutti.test.support.Shared;
import tutti.test.support.TrainSpec;

/** What the launcher refuses by itself, with nothing started: models, files, flags, ports, folders. */
class ModelRefusalTest {
    @TempDir
    Path folder;

    private Path model;
    private Path data;

    @BeforeEach
    void copyModel() throws IOException {
        model = Files.createDirectory(folder.resolve("model"));
        try (DirectoryStream<Path> files = Files.newDirectoryStream(TrainSpec.model())) {
            for (Path file : files) {
                Files.copy(file, model.resolve(file.getFileName()));
            }
        }
        data = TrainSpec.writeData(folder);
    }

    @Test
    void shouldRefuseAModelFolderThatIsNotThere() {
        Map<String, String> flags = flags();
        flags.put("model_name_or_path", "lmsys/vicuna-7b-v1.5");
        Refusal.byLauncher(flags, Category.DATA, "lmsys/vicuna-7b-v1.5", "does not exist", "config.json");
    }

    @Test
    void shouldRefuseAnUnknownArchitecture() throws Exception {
        edit(config -> config.put("model_type", "mamba"));
        Refusal.byLauncher(flags(), Category.DATA, "config.json", "model_type='mamba'", "supported: llama");
    }

    @Test
    void shouldRefuseAModelFileThatIsCutShort() throws Exception {
        try (FileChannel file = FileChannel.open(weights(), StandardOpenOption.WRITE)) {
            file.truncate(file.size() / 2);
        }
        // By a process, for all of them.
        Refusal.of(folder, flags(), Category.DATA, weights().toString(), "cut short");
    }

    @Test
    void shouldRefuseAHeaderThatIsLongerThanTheFile() throws Exception {
        long length = Files.size(weights()) + 1;
        try (FileChannel file = FileChannel.open(weights(), StandardOpenOption.WRITE)) {
            file.write(
                    ByteBuffer.allocate(Long.BYTES)
                            .order(ByteOrder.LITTLE_ENDIAN)
                            .putLong(0, length),
                    0);
        }
        Refusal.byLauncher(flags(), Category.DATA, weights().toString(), "header of " + length + " bytes");
    }

    @Test
    void shouldRefuseTensorsThatOverlap() throws Exception {
        Files.copy(
                Shared.path("fixtures/safetensors/bad_json_attack_overlap.safetensors"),
                weights(),
                StandardCopyOption.REPLACE_EXISTING);
        Refusal.byLauncher(flags(), Category.DATA, weights().toString(), "tensor");
    }

    @Test
    void shouldRefuseATensorOfAnotherShapeThanTheConfigAsksFor() throws Exception {
        edit(config -> config.put("intermediate_size", 176));
        Refusal.byLauncher(
                flags(), Category.DATA, model.toString(), "mlp.", "shape [172, 64]", "[176, 64]", "config.json");
    }

    @Test
    void shouldRefuseAModelThatLacksATensor() throws Exception {
        edit(config -> config.put("num_hidden_layers", 6));
        Refusal.byLauncher(flags(), Category.DATA, model.toString(), "no tensor 'model.layers.5.");
    }

    @Test
    void shouldRefuseAMissingAndAnEmptyDataFileAndAFolderWithoutAny() throws Exception {
        Map<String, String> flags = flags();
        flags.put("data_path", "missing.json");
        Refusal.byLauncher(flags, Category.DATA, "missing.json", "no such file", "--data_path");
        flags.put("data_path", Files.createFile(folder.resolve("empty.json")).toString());
        Refusal.byLauncher(flags, Category.DATA, "empty.json", "empty", "at least one sample");
        flags.put("data_path", Files.createDirectory(folder.resolve("nothing")).toString());
        Refusal.byLauncher(flags, Category.DATA, "nothing", "a folder without data files", "known are .json");
    }

    @Test
    void shouldRefuseARunThatDoesNotFitIntoMemory() {
        Map<String, String> flags = flags();
        // A terabyte; the plan makes the buffers of a batch, so the time it takes grows with it.
        flags.put("per_device_train_batch_size", "50000");
        Refusal.byLauncher(
                flags,
                Category.ENVIRONMENT,
                "too little memory",
                "batch 50000",
                "it would fit with --per_device_train_batch_size");
    }

    @Test
    void shouldOfferTheNearestFlagForAnUnknownOne() {
        Map<String, String> flags = flags();
        flags.put("learning_rat", "1e-5");
        Refusal.byLauncher(flags, Category.USER, "--learning_rat:", "did you mean --learning_rate?");
    }

    @Test
    void shouldNameThePortThatIsInUse() throws Exception {
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            for (String flag : new String[] {"master_port", "console_port"}) {
                Map<String, String> flags = flags();
                flags.put(flag, Integer.toString(taken.getLocalPort()));
                Refusal.byLauncher(
                        flags, Category.ENVIRONMENT, "--" + flag + "=" + taken.getLocalPort(), "in use", "ss -ltnp");
            }
        }
    }

    @Test
    void shouldLeaveAnOutputFolderAloneThatIsNotEmpty() throws Exception {
        Path precious =
                Files.writeString(Files.createDirectory(folder.resolve("out")).resolve("thesis.txt"), "precious");
        Map<String, String> flags = flags();
        Refusal.byLauncher(
                flags,
                Category.USER,
                "--output_dir",
                "not empty",
                "--overwrite_output_dir",
                "--resume_from_checkpoint");
        assertThat(precious).hasContent("precious");
        assertThat(folder.resolve("out")).isDirectoryNotContaining("glob:**/*.json*");
    }

    private Map<String, String> flags() {
        Map<String, String> flags = new LinkedHashMap<>();
        flags.put("model_name_or_path", model.toString());
        flags.put("data_path", data.toString());
        flags.put("output_dir", folder.resolve("out").toString());
        flags.put("nproc_per_node", "2");
        return flags;
    }

    private Path weights() {
        return model.resolve("model.safetensors");
    }

    private void edit(Consumer<ObjectNode> change) throws IOException {
        ObjectMapper json = new ObjectMapper();
        Path file = model.resolve("config.json");
        ObjectNode config = (ObjectNode) json.readTree(file.toFile());
        change.accept(config);
        json.writeValue(file.toFile(), config);
    }
}
