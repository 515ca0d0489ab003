package tutti.worker.tensor.contract;

import static tutti.worker.tensor.contract.SideBySide.demand;
import static tutti.worker.tensor.contract.Tolerance.SOFTMAX;
import static tutti.worker.tensor.contract.Tolerance.SOFTMAX_GRADIENT;
import static tutti.worker.tensor.contract.Tolerance.SOFTMAX_OF_LARGE;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import tutti.worker.tensor.Segments;
import tutti.worker.tensor.contract.Contract.Sizes;
import tutti.worker.tensor.contract.SideBySide.Pair;

/** attention over packed segments and in decoding, and its backward. */
final class AttentionCases {
    private AttentionCases() {}

    static List<ContractCase> all(Sizes sizes) {
        List<ContractCase> all = new ArrayList<>();
        // H, G, D, magnitude of q and k
        training(all, 1, 1, 1, 1, Segments.uniform(1, 1));
        training(all, 1, 1, 8, 1, Segments.uniform(3, 5));
        training(all, 6, 2, 16, 1, Segments.uniform(2, 33));
        training(all, 4, 1, 10, 1, Segments.uniform(2, 7));
        training(all, 4, 2, 8, 1, Segments.of(1, 17, 17, 3, 30));
        training(all, 2, 1, 4, 1, Segments.of(3, 0, 5));
        training(all, 2, 2, 8, 6, Segments.of(9, 20));
        training(all, 2, 1, 8, 1e-5, Segments.of(9, 20));
        // 40 products of 2*256*256 scores: more than a backend may want to hold at once.
        training(all, 16, 8, 2, 1, Segments.uniform(5, 256));
        for (int i = 0; i < 6; i++) {
            int G = sizes.upTo(3);
            int[] lengths = new int[1 + sizes.below(5)];
            Arrays.setAll(lengths, s -> sizes.upTo(40));
            training(all, G * (1 + sizes.below(3)), G, sizes.upTo(24), sizes.coin() ? 1 : 1e-3, Segments.of(lengths));
        }
        all.add(forward(4, 2, 8, 1, Segments.decode(1, 37)));
        all.add(forward(4, 2, 8, 1, Segments.decode(5, 21)));
        all.add(forward(2, 2, 6, 1, new Segments(new int[] {0, 1, 2, 5, 6}, new int[] {0, 4, 13, 16, 20})));
        for (int i = 0; i < 5; i++) {
            int G = sizes.upTo(3);
            all.add(forward(G * (1 + sizes.below(3)), G, sizes.upTo(24), 1, decoding(sizes)));
        }
        all.add(new ContractCase("attention", "no later token, no other sequence", AttentionCases::isCausal));
        all.add(new ContractCase("attention", "refuses heads, sizes and segments that do not fit", sides -> {
            Pair q = sides.activation("q", 1, 4, 3, 2);
            Pair k = sides.activation("k", 1, 4, 2, 2);
            Pair one = sides.activation("one", 1, 4, 1, 2);
            Pair wide = sides.activation("wide", 1, 4, 1, 4);
            Pair out = sides.output("out", 4, 3, 2);
            refuse(sides, "multiple", out, q, k, k, Segments.of(4));
            refuse(sides, "head sizes", out, q, wide, wide, Segments.of(4));
            refuse(sides, "shapes differ", out, q, one, k, Segments.of(4));
            refuse(sides, "segments end at query row 3", out, q, one, one, Segments.of(3));
            refuse(sides, "queries=3 keys=2", out, q, one, one, new Segments(new int[] {0, 3, 4}, new int[] {0, 2, 4}));
        }));
        all.add(new ContractCase("attention", "refuses mixed dtypes", sides -> {
            Pair q = sides.activation("q", 1, 4, 2, 2);
            Pair k = sides.normal("k", sides.otherDType(), 1, 4, 2, 2);
            Pair out = sides.output("out", 4, 2, 2);
            refuse(sides, "dtype", out, q, k, k, Segments.of(4));
        }));
        all.add(new ContractCase("attentionBackward", "refuses more keys than queries", sides -> {
            Pair q = sides.activation("q", 1, 2, 1, 2);
            Pair k = sides.activation("k", 1, 5, 1, 2);
            Pair dq = sides.output("dq", 2, 1, 2);
            Pair dk = sides.output("dk", 5, 1, 2);
            sides.refuse(
                    "queries=2 keys=5",
                    (kernels, side) -> kernels.attentionBackward(
                            side.of(dq),
                            side.of(dk),
                            side.of(dk),
                            side.of(q),
                            side.of(q),
                            side.of(k),
                            side.of(k),
                            Segments.decode(2, 5),
                            1));
        }));
        all.add(new ContractCase("attentionBackward", "refuses other shapes", sides -> {
            Pair q = sides.activation("q", 1, 4, 2, 2);
            Pair k = sides.activation("k", 1, 4, 1, 2);
            Pair dq = sides.output("dq", 4, 2, 2);
            Pair dk = sides.output("dk", 4, 1, 2);
            for (boolean swapped : new boolean[] {false, true}) {
                sides.refuse(
                        "shapes differ",
                        (kernels, side) -> kernels.attentionBackward(
                                side.of(swapped ? dk : dq),
                                side.of(swapped ? dk : dq),
                                side.of(dk),
                                side.of(q),
                                side.of(q),
                                side.of(k),
                                side.of(k),
                                Segments.of(4),
                                1));
            }
        }));
        return all;
    }

    /** Sequences with fewer queries than keys. */
    private static Segments decoding(Sizes sizes) {
        int count = 1 + sizes.below(4);
        int[] query = new int[count + 1];
        int[] key = new int[count + 1];
        for (int s = 0; s < count; s++) {
            int queries = sizes.upTo(6);
            query[s + 1] = query[s] + queries;
            key[s + 1] = key[s] + queries + sizes.upTo(40);
        }
        return new Segments(query, key);
    }

    private static void training(List<ContractCase> all, int H, int G, int D, double magnitude, Segments segments) {
        all.add(forward(H, G, D, magnitude, segments));
        all.add(new ContractCase(
                "attentionBackward",
                describe(H, G, D, magnitude, segments),
                sides -> backward(sides, H, G, D, magnitude, segments)));
    }

    private static String describe(int H, int G, int D, double magnitude, Segments segments) {
        String rows = "queryStart=" + Arrays.toString(segments.queryStart());
        if (!Arrays.equals(segments.queryStart(), segments.keyStart())) {
            rows += " keyStart=" + Arrays.toString(segments.keyStart());
        }
        return "H=%d G=%d D=%d magnitude=%s %s".formatted(H, G, D, magnitude, rows);
    }

    private static ContractCase forward(int H, int G, int D, double magnitude, Segments segments) {
        return new ContractCase("attention", describe(H, G, D, magnitude, segments), sides -> {
            int N = segments.queryStart()[segments.count()];
            int M = segments.keyStart()[segments.count()];
            Pair q = sides.activation("q", magnitude, N, H, D);
            Pair k = sides.activation("k", magnitude, M, G, D);
            Pair v = sides.activation("v", 1, M, G, D);
            Pair out = sides.output("out", N, H, D);
            attention(sides, out, q, k, v, segments, 1 / Math.sqrt(D));
            sides.agree(magnitude > 1 ? SOFTMAX_OF_LARGE : SOFTMAX, out);
        });
    }

    private static void attention(SideBySide sides, Pair out, Pair q, Pair k, Pair v, Segments segments, double scale) {
        sides.call(
                (kernels, side) -> kernels.attention(side.of(out), side.of(q), side.of(k), side.of(v), segments, scale),
                out);
    }

    private static void backward(SideBySide sides, int H, int G, int D, double magnitude, Segments segments) {
        int N = segments.queryStart()[segments.count()];
        Pair q = sides.activation("q", magnitude, N, H, D);
        Pair k = sides.activation("k", magnitude, N, G, D);
        Pair v = sides.activation("v", 1, N, G, D);
        Pair dOut = sides.activation("dOut", 1, N, H, D);
        Pair dq = sides.output("dq", N, H, D);
        Pair dk = sides.output("dk", N, G, D);
        Pair dv = sides.output("dv", N, G, D);
        sides.call(
                (kernels, side) -> kernels.attentionBackward(
                        side.of(dq),
                        side.of(dk),
                        side.of(dv),
                        side.of(dOut),
                        side.of(q),
                        side.of(k),
                        side.of(v),
                        segments,
                        1 / Math.sqrt(D)),
                dq,
                dk,
                dv);
        // dScore = p (dp - mean) cancels where one key takes all, to nothing with a single row: the rounding of dp
        // remains.
        sides.agreeFrom(magnitude / 2, SOFTMAX_GRADIENT, dq, dk);
        sides.agree(magnitude > 1 ? SOFTMAX_OF_LARGE : SOFTMAX, dv);
    }

    /** Keys and values of rows 3 to 5 change: rows 0 to 2 and the other sequence must keep their bits. */
    private static void isCausal(SideBySide sides) {
        Segments segments = Segments.of(6, 5);
        Pair q = sides.activation("q", 1, 11, 2, 4);
        Pair k = sides.activation("k", 1, 11, 1, 4);
        Pair v = sides.activation("v", 1, 11, 1, 4);
        Pair before = sides.output("before", 11, 2, 4);
        Pair after = sides.output("after", 11, 2, 4);
        attention(sides, before, q, k, v, segments, 0.5);
        for (Pair changed : new Pair[] {k.rows(3, 3), v.rows(3, 3)}) {
            sides.call((kernels, side) -> kernels.fill(side.of(changed), 9), changed);
        }
        attention(sides, after, q, k, v, segments, 0.5);
        demand(same(before, after, 0, 3), "rows 0 to 2 saw a later token");
        demand(same(before, after, 6, 5), "rows 6 to 10 saw another sequence");
        demand(!same(before, after, 3, 3), "rows 3 to 5 did not see their own tokens");
    }

    private static boolean same(Pair a, Pair b, int from, int count) {
        return Arrays.equals(
                Numbers.bits(a.tested().rows(from, count)),
                Numbers.bits(b.tested().rows(from, count)));
    }

    private static void refuse(SideBySide sides, String word, Pair out, Pair q, Pair k, Pair v, Segments segments) {
        sides.refuse(
                word,
                (kernels, side) -> kernels.attention(side.of(out), side.of(q), side.of(k), side.of(v), segments, 1));
    }
}
