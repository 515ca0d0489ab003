package tutti.worker.batch;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import tutti.common.token.TokenizedExample;
import tutti.worker.tensor.Arena;
import tutti.worker.tensor.Kernels;
import tutti.worker.tensor.ReferenceKernels;
import tutti.worker.tensor.Tensor;

class BatchBuilderTest {
    private static final int MAX = 100;

    @Test
    void shouldPadToOneLengthWhenThatWastesLittle() {
        Batch batch = build(sample(30), sample(32), sample(29));
        assertThat(batch.segments().queryStart()).containsExactly(0, 32, 64, 96);
        assertThat(batch.rows()).isEqualTo(3 * 32);
        assertThat(batch.tokens()).isEqualTo(91);
    }

    @Test
    void shouldStayRaggedWhenPaddingWouldWasteMuch() {
        Batch batch = build(sample(5), sample(90));
        assertThat(batch.segments().queryStart()).containsExactly(0, 16, 112);
    }

    @Test
    void shouldNeverPadBeyondTheLongestLengthThatTheModelTakes() {
        assertThat(build(sample(MAX)).rows()).isEqualTo(MAX);
    }

    @Test
    void shouldShiftLabelsByOneAndLabelNoPaddedRow() {
        Batch batch = build(new TokenizedExample(new int[] {1, 7, 8, 9}, new int[] {-100, -100, 8, 9}));
        assertThat(ints(batch.ids())).startsWith(1, 7, 8, 9);
        assertThat(ints(batch.labels())).startsWith(Kernels.IGNORE, 8, 9, Kernels.IGNORE);
        assertThat(IntStream.of(ints(batch.labels())).filter(label -> label != Kernels.IGNORE))
                .hasSize(2);
        assertThat(batch.labelled()).isEqualTo(2);
    }

    @Test
    void shouldCountPositionsFromZeroInEverySequence() {
        int[] positions = ints(build(sample(16), sample(16)).positions());
        assertThat(positions).isEqualTo(IntStream.range(0, 32).map(i -> i % 16).toArray());
    }

    /** More sequences than the buffers were made for, in no more rows: those of packs. */
    @Test
    void shouldTakeAsManySequencesAsItsRowsHold() {
        Batch batch =
                build(IntStream.range(0, 25).mapToObj(i -> sample(2 + i % 15)).toArray(TokenizedExample[]::new));
        assertThat(batch.segments().count()).isEqualTo(25);
        assertThat(batch.rows()).isEqualTo(4 * MAX);
        assertThat(ints(batch.positions()))
                .isEqualTo(IntStream.range(0, 4 * MAX).map(i -> i % 16).toArray());
    }

    /** Padding to 96 would waste little, but there are no rows for it. */
    @Test
    void shouldNotPadBeyondItsRows() {
        Batch batch = build(sample(96), sample(80), sample(80), sample(80), sample(64));
        assertThat(batch.segments().queryStart()).containsExactly(0, 96, 176, 256, 336, 4 * MAX);
    }

    private static Batch build(TokenizedExample... samples) {
        Kernels kernels = new ReferenceKernels();
        Arena arena = kernels.arena("test", 1 << 16);
        return new BatchBuilder(arena, 4, MAX).build(List.of(samples));
    }

    private static TokenizedExample sample(int length) {
        int[] ids = IntStream.range(0, length).toArray();
        return new TokenizedExample(ids, ids);
    }

    private static int[] ints(Tensor tensor) {
        int[] values = new int[Math.toIntExact(tensor.count())];
        tensor.bytes().asIntBuffer().get(values);
        return values;
    }
}
