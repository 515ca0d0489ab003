package tutti.deploy.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AeronFoldersTest {
    @TempDir
    Path root;

    @Test
    void shouldDeleteTheFolderOfADeadAgent() throws Exception {
        Process process = new ProcessBuilder("sleep", "30").start();
        Path folder = folderOf(process.pid());
        process.destroyForcibly();
        assertThat(process.waitFor(5, TimeUnit.SECONDS)).isTrue();

        AeronFolders.deleteStale(root);
        assertThat(folder).doesNotExist();
    }

    @Test
    void shouldKeepTheFolderOfALivingAgent() throws Exception {
        Path folder = folderOf(ProcessHandle.current().pid());

        AeronFolders.deleteStale(root);
        assertThat(folder.resolve("cnc.dat")).exists();
    }

    @Test
    void shouldDeleteTheFolderWhenAnotherProcessHasThePid() throws Exception {
        Path mine = AeronFolders.name(root, ProcessHandle.current().pid());
        Path earlier = root.resolve(mine.getFileName().toString().replaceFirst("(tutti-\\d+-)\\d+", "$11"));
        Files.createDirectory(earlier);

        AeronFolders.deleteStale(root);
        assertThat(earlier).doesNotExist();
    }

    @Test
    void shouldKeepWhatAnotherContainerOrSomebodyElseMade() throws Exception {
        Path container = Files.createDirectory(root.resolve("tutti-999999999-5-1-abcdef01"));
        Path other = Files.createDirectory(root.resolve("tutti-test-1"));

        AeronFolders.deleteStale(root);
        assertThat(container).exists();
        assertThat(other).exists();
    }

    private Path folderOf(long pid) throws IOException {
        Path folder = Files.createDirectory(AeronFolders.name(root, pid));
        Files.writeString(folder.resolve("cnc.dat"), "");
        return folder;
    }
}
