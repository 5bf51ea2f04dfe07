"""The gate and the canary on a terminal: the worst first, within 100 columns."""

from __future__ import annotations

import io

import numpy as np
from cross_validated import churn, counted, cross_validated, drawn
from fabricated import settings

from monitor.baselines.timings import FoldTiming, Timings
from monitor.report.comparison_table import canary_table, gate_table
from monitor.report.table import terminal
from monitor.revalidate.gate.canary import weigh
from monitor.revalidate.gate.gate import judge

TEN = tuple(f"a-rather-long-name-of-class-{i}" for i in range(10))


def printed(renderable):
    out = io.StringIO()
    terminal(out).print(renderable)
    return out.getvalue()


def judged(model, *pair, timings=(None, None)):
    return judge(settings(model), model, *pair, None, timings=timings).document


def test_the_worst_comparison_stands_first_with_values_bands_and_margin():
    model = churn()
    document = judged(model, cross_validated(model, 2, 6_000, (0.85, 0.61)), cross_validated(model, 1, 6_000))
    text = printed(gate_table(document))
    row = next(r for r in document["comparisons"] if (r["metric"], r["class"]) == ("recall", "leave"))
    lines = text.splitlines()
    assert lines[0].strip() == "Gate: not passed"
    first = next(line for line in lines if "WORSE" in line)
    assert lines.index(first) < next(i for i, line in enumerate(lines) if "UNKNOWN" in line or " OK" in line)
    assert f"{row['candidate']:.3f}" in text
    assert f"{row['candidate_lower']:.3f} to {row['candidate_upper']:.3f}" in text
    assert f"{row['difference']:+.3f}".replace("-", "\N{MINUS SIGN}") in text
    assert "Promised" in text


def test_what_is_not_decided_says_how_many_rows_would():
    model = churn()
    document = judged(model, cross_validated(model, 3, 300), cross_validated(model, 4, 60_000))
    row = next(r for r in document["comparisons"] if r["labels_needed"])
    assert f"{row['labels_needed']:,}" in printed(gate_table(document))


def test_the_measures_of_both_stand_side_by_side():
    model = churn()
    cost = Timings(12.5, tuple(FoldTiming(str(j), 0, 1.5, 2**26) for j in range(5)))
    now, before = cross_validated(model, 1, 1_000), cross_validated(model, 2, 2_000)
    text = printed(gate_table(judged(model, now, before, timings=(cost, None))))
    rows = {line.strip().split("  ")[0]: line.split() for line in text.splitlines()}
    whole = [sum(int(fold.counts.plane("confusion")[0].sum()) for fold in of.folds) for of in (now, before)]
    assert rows["M6 rows of stay"][-2:] == [f"{n:,}" for n in whole]
    assert rows["M8 seconds"][-2:] == ["12.5", "\N{EN DASH}"]
    assert rows["M9 largest memory"][-3:] == ["64", "MiB", "\N{EN DASH}"]


def test_many_classes_and_segments_stay_within_a_terminal():
    model = churn(classes=TEN, segments=("shop",))
    shops = [f"shop={'x' * 60}{i}" for i in range(3)]
    pair = [cross_validated(model, seed, 6_000, segments=shops) for seed in (1, 2)]
    text = printed(gate_table(judged(model, *pair)))
    assert max(map(len, text.splitlines())) <= 100
    assert f"and {4 * 32 - 40} more comparisons" in text


def test_of_many_classes_the_measures_of_a_dozen_are_shown():
    model = churn(classes=tuple(f"c{i:02d}" for i in range(30)))
    text = printed(gate_table(judged(model, cross_validated(model, 1, 3_000), None)))
    assert "M6 rows of c11" in text
    assert "M6 rows of c12" not in text
    assert "and those of 18 more classes" in text


def test_a_candidate_that_could_not_be_read_has_nothing_to_show():
    model = churn()
    strange = cross_validated(churn(classes=("a", "b")), 1, 100)
    assert printed(gate_table(judged(model, strange, None))).strip() == ""


def test_the_first_baseline_has_measures_alone():
    model = churn()
    text = printed(gate_table(judged(model, cross_validated(model, 1, 1_000), None)))
    assert "Gate" not in text
    assert "M6 rows of leave" in text


def test_a_canary_is_told_by_version():
    model = churn()
    rng = np.random.default_rng(1)
    canary = weigh(model, "4", "3", {None: drawn(model, rng, 9_000, 0.7)}, {None: drawn(model, rng, 9_000)}, "24h")
    text = printed(canary_table(canary.document))
    assert "churn 4: WORSE over 24h" in text
    assert "Version 4" in text
    assert "Version 3" in text
    empty = weigh(model, "4", "3", {}, {None: counted(model, np.eye(2) * 9)}, "24h")
    assert "churn 4: UNKNOWN over 24h" in printed(canary_table(empty.document))
