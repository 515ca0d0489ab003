package tutti.worker.tensor.contract;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import tutti.worker.tensor.DType;
import tutti.worker.tensor.contract.ContractResult.Verdict;

/** Results as one table: a row for each kernel, a column for each backend and dtype; what did not pass follows by name. */
public final class ContractTable {
    private static final int KERNEL_WIDTH = 28;
    private static final int COLUMN_WIDTH = 15;

    private final List<ContractResult> results;

    public ContractTable(Collection<ContractResult> results) {
        this.results = List.copyOf(results);
    }

    /**
     * One cell.
     *
     * @param cases different ones: a case that ran with several thread counts is one
     * @param error the worst, of all results the one nearest to its tolerance
     */
    public record Cell(
            String kernel,
            String backend,
            DType compute,
            int cases,
            int failed,
            int unsupported,
            double error,
            double tolerance) {
        private String text() {
            if (failed > 0) {
                return failed + " FAILED";
            }
            if (unsupported == cases) {
                return "unsupported";
            }
            return error == 0 ? "exact" : String.format(Locale.ROOT, "%.1e/%.0e", error, tolerance);
        }
    }

    /** In the order of the cases. */
    public List<Cell> cells() {
        return grouped(result -> List.of(result.kernel(), result.backend(), result.compute())).values().stream()
                .map(ContractTable::cell)
                .toList();
    }

    private static Cell cell(List<ContractResult> group) {
        ContractResult worst =
                group.stream().reduce((a, b) -> share(b) > share(a) ? b : a).orElseThrow();
        return new Cell(
                worst.kernel(),
                worst.backend(),
                worst.compute(),
                distinct(group),
                count(group, Verdict.FAILED),
                count(group, Verdict.UNSUPPORTED),
                worst.error(),
                worst.tolerance());
    }

    private static double share(ContractResult result) {
        return result.error() == 0 ? 0 : result.error() / result.tolerance();
    }

    private static int distinct(List<ContractResult> group) {
        return (int) group.stream().map(ContractResult::description).distinct().count();
    }

    private static int count(List<ContractResult> group, Verdict verdict) {
        return distinct(group.stream().filter(one -> one.verdict() == verdict).toList());
    }

    /** One line for each result that failed or was refused; a dtype that a backend does not offer at all is one line. */
    public List<String> notPassed() {
        Set<String> offered = Set.copyOf(offered());
        return results.stream()
                .filter(result -> result.verdict() != Verdict.PASSED)
                .map(result -> offered.contains(column(result))
                        ? result.toString()
                        : "UNSUPPORTED %s: %s".formatted(column(result), result.message()))
                .distinct()
                .toList();
    }

    private static String column(ContractResult result) {
        return result.backend() + " " + result.compute();
    }

    private List<String> offered() {
        return results.stream()
                .filter(result -> result.verdict() != Verdict.UNSUPPORTED)
                .map(ContractTable::column)
                .distinct()
                .toList();
    }

    public int count(Verdict verdict) {
        return (int) results.stream().filter(one -> one.verdict() == verdict).count();
    }

    public List<String> lines() {
        Map<String, List<ContractResult>> columns = grouped(ContractTable::column);
        List<String> offered = offered();
        List<String> lines = new ArrayList<>();
        lines.add("kernel contract: worst error / what is allowed, by backend and compute dtype");
        lines.add(row("kernel", "cases", offered));
        Map<String, Cell> cells = cells().stream()
                .collect(Collectors.toMap(
                        cell -> cell.kernel() + " " + cell.backend() + " " + cell.compute(), Function.identity()));
        grouped(ContractResult::kernel)
                .forEach((kernel, group) -> lines.add(row(
                        kernel,
                        Integer.toString(distinct(group)),
                        offered.stream()
                                .map(column -> cells.get(kernel + " " + column))
                                .map(cell -> cell == null ? "-" : cell.text())
                                .toList())));
        lines.add(row(
                "all",
                Integer.toString(grouped(ContractResult::kernel).values().stream()
                        .mapToInt(ContractTable::distinct)
                        .sum()),
                offered.stream().map(column -> verdict(columns.get(column))).toList()));
        lines.addAll(notPassed());
        return lines;
    }

    private static String verdict(List<ContractResult> column) {
        long failed =
                column.stream().filter(one -> one.verdict() == Verdict.FAILED).count();
        return failed == 0 ? "passed" : "FAILED";
    }

    private static String row(String kernel, String cases, List<String> cells) {
        StringBuilder row = new StringBuilder();
        row.append(String.format(Locale.ROOT, "%-" + KERNEL_WIDTH + "s%5s", kernel, cases));
        cells.forEach(cell -> row.append(String.format(Locale.ROOT, "%" + COLUMN_WIDTH + "s", cell)));
        return row.toString();
    }

    private <K> Map<K, List<ContractResult>> grouped(Function<ContractResult, K> key) {
        return results.stream().collect(Collectors.groupingBy(key, LinkedHashMap::new, Collectors.toList()));
    }
}
