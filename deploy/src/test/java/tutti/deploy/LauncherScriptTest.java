package tutti.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code bin/tutti} with a Java that only repeats what it was asked. */
class LauncherScriptTest {
    @TempDir
    Path temp;

    private Path home;
    private Path java;

    @BeforeEach
    void installInAFolderWithBlanks() throws IOException {
        home = Files.createDirectories(temp.resolve("some where/tutti home"));
        Files.createDirectories(home.resolve("bin"));
        Files.copy(Path.of("bin/tutti"), home.resolve("bin/tutti"));
        java = temp.resolve("java home");
        fakeJava("17.0.15");
    }

    @Test
    void shouldFindTheJarsOfADistribution() throws Exception {
        Files.createDirectories(home.resolve("lib"));

        assertThat(run(home.resolve("bin/tutti"), "run", "--fsdp", "full_shard auto_wrap"))
                .startsWith("0\n")
                .contains("<-cp>\n<%1$s/lib/*>\n<tutti.deploy.Tutti>".formatted(home.toRealPath()))
                .endsWith("<run>\n<--fsdp>\n<full_shard auto_wrap>\n");
    }

    @Test
    void shouldMapTheClassArchiveIfThereIsOneAndSayWhereItIs() throws Exception {
        Path lib = Files.createDirectories(home.resolve("lib"));
        assertThat(run(home.resolve("bin/tutti"))).doesNotContain("classes.jsa");

        Path archive = Files.createFile(lib.resolve("classes.jsa")).toRealPath();
        assertThat(run(home.resolve("bin/tutti")))
                .contains("<-XX:SharedArchiveFile=%1$s>\n<-Dtutti.class.archive=%1$s>\n".formatted(archive));
    }

    @Test
    void shouldWorkThroughASymbolicLink() throws Exception {
        Files.createDirectories(home.resolve("lib"));
        Path link = Files.createSymbolicLink(temp.resolve("a link"), home.resolve("bin/tutti"));

        assertThat(run(link)).contains("<%1$s/lib/*>".formatted(home.toRealPath()));
    }

    @Test
    void shouldFindTheJarsOfTheSourceTree() throws Exception {
        Files.createDirectories(home.resolve("target/tutti-0.1.0/lib"));

        assertThat(run(home.resolve("bin/tutti"))).contains("/target/tutti-0.1.0/lib/*>");
    }

    @Test
    void shouldSayHowToBuild() throws Exception {
        assertThat(run(home.resolve("bin/tutti")))
                .startsWith("4\ntutti: error: not built yet; in ")
                .endsWith("mvn -B -DskipTests package\n");
    }

    @Test
    void shouldRefuseAnOlderJava() throws Exception {
        Files.createDirectories(home.resolve("lib"));
        fakeJava("11.0.2");

        assertThat(run(home.resolve("bin/tutti")))
                .startsWith("4\n")
                .contains("is Java 11, 17 or newer is needed; apt-get install openjdk-17-jdk-headless");
    }

    @Test
    void shouldSayHowToGetJava() throws Exception {
        Files.createDirectories(home.resolve("lib"));
        java = temp.resolve("nowhere");

        assertThat(run(home.resolve("bin/tutti")))
                .startsWith("4\n")
                .contains("no Java found in JAVA_HOME=", "apt-get install openjdk-17-jdk-headless");
    }

    @ParameterizedTest
    @CsvSource({"'','',''", "'','',C", "'',POSIX,de_DE.UTF-8", "C,'',C.UTF-8"})
    void shouldReadUtf8WithoutALocale(String all, String ctype, String lang) throws Exception {
        Files.createDirectories(home.resolve("lib"));

        assertThat(runIn(Map.of("LC_ALL", all, "LC_CTYPE", ctype, "LANG", lang), home.resolve("bin/tutti"), "Größe"))
                .contains("LC_ALL=C.UTF-8\n")
                .endsWith("<Größe>\n");
    }

    @Test
    void shouldKeepALocale() throws Exception {
        Files.createDirectories(home.resolve("lib"));

        assertThat(runIn(Map.of("LC_ALL", "", "LC_CTYPE", "", "LANG", "C.UTF-8"), home.resolve("bin/tutti")))
                .contains("LC_ALL=\n");
    }

    private void fakeJava(String version) throws IOException {
        Path program = java.resolve("bin/java");
        Files.createDirectories(program.getParent());
        Files.writeString(program, """
                #!/bin/bash
                case "$*" in *-version) echo 'openjdk version "%s" 2026-01-01' >&2; exit;; esac
                echo "LC_ALL=${LC_ALL:-}"
                printf '<%%s>\\n' "$@"
                """.formatted(version));
        assertThat(program.toFile().setExecutable(true)).isTrue();
    }

    /** The exit code, a line end, then all output. */
    private String run(Path script, String... args) throws IOException, InterruptedException {
        return runIn(Map.of(), script, args);
    }

    private String runIn(Map<String, String> environment, Path script, String... args)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(script.toString()));
        command.addAll(List.of(args));
        Path output = temp.resolve("output");
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(temp.toFile())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile());
        builder.environment().put("JAVA_HOME", java.toString());
        builder.environment().putAll(environment);
        Process process = builder.start();
        assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
        return process.exitValue() + "\n" + Files.readString(output, StandardCharsets.UTF_8);
    }
}
