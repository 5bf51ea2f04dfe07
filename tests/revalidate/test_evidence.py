"""Evidence: which versions are in production, what is known of each, and how long objectives have been WORSE."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.clock import DAY, HOUR, MINUTE
from monitor.config import Duration, ModelSettings, Objective, Settings
from monitor.config.revalidation import CommandAction, Revalidation
from monitor.counts import Counts, Layout
from monitor.counts.slices import Series
from monitor.join.rules import Outcomes
from monitor.join.vocabulary import Vocabulary
from monitor.revalidate.evidence.evidence import Seen, gather, mature_labels, red_gates
from monitor.revalidate.evidence.production import in_production
from monitor.revalidate.evidence.streaks import Streaks
from monitor.state import Commit, MemoryState, ModelCommit
from monitor.statistics.baseline import Baseline
from monitor.statistics.budget import BudgetState, Standing, Tally
from monitor.statistics.gates import Gate, GateState
from monitor.statistics.inspection import Inspection, Vitals
from monitor.statistics.report import Maturity, MetricResult, Verdict, WindowResult

NOW = 1_790_856_000_000
LAYOUT = Layout(2)
MODEL = ModelSettings(
    "churn",
    ("stay", "leave"),
    LAYOUT,
    (Duration(10 * MINUTE, "10m"), Duration(DAY, "24h")),
    *(Duration(DAY, "1d"),) * 3,
    objectives=(
        Objective("leave-recall", "recall", "leave", "24h"),
        Objective("eu", "recall", "leave", "24h", segment="region=eu"),
    ),
    revalidation=Revalidation(CommandAction(("true",)), Path("baselines")),
)
SETTINGS = Settings({"churn": MODEL, "other": replace(MODEL, name="other", revalidation=None)})


def counted(n, leave=0):
    return Counts.from_planes(LAYOUT, {"predicted": [n, 0], "confusion": [[n - leave, 0], [0, leave]]})


def state_of(slices, matched=0, model="churn"):
    """A state with (version, start of a slice, predictions)."""
    state = MemoryState(SETTINGS.models)
    deltas = {}
    for version, start, n in slices:
        deltas.setdefault(Series(model, version, None), {})[start] = counted(n)
    last = max((start for _, start, _ in slices), default=None)
    part = ModelCommit(Vocabulary(), Outcomes(matched=matched), last, None, None)
    state.commit(Commit({model: part}, deltas))
    return state


@pytest.mark.parametrize(
    ("slices", "versions"),
    [
        ([], []),
        ([("3", NOW, 1)], ["3"]),
        ([("3", NOW - 2 * HOUR, 9), ("4", NOW, 1)], ["4"]),
        ([("3", NOW - 50 * MINUTE, 9), ("4", NOW, 1)], ["4", "3"]),
        # Side by side: the one that began last, whoever spoke last.
        ([("3", NOW - DAY, 9), ("3", NOW, 9), ("4", NOW - 5 * MINUTE, 1)], ["4", "3"]),
        ([("4", NOW - DAY, 9), ("4", NOW, 9), ("3", NOW - 5 * MINUTE, 1)], ["3", "4"]),
        # A slice without predictions is none.
        ([("3", NOW - MINUTE, 9), ("4", NOW, 0)], ["3"]),
    ],
)
def test_in_production_are_the_versions_that_predict_now_the_newest_first(slices, versions):
    assert in_production(state_of(slices), MODEL) == versions


def test_a_version_that_was_taken_back_is_not_the_newest_once_it_is_silent_for_an_hour():
    day = replace(MODEL, windows=MODEL.windows[1:])
    slices = [("3", NOW - 9 * HOUR, 9), ("4", NOW - 2 * HOUR, 9), ("3", NOW, 9)]
    assert in_production(state_of(slices), day) == ["3", "4"]
    assert in_production(state_of([*slices, ("4", NOW - 30 * MINUTE, 1)]), day) == ["4", "3"]


def baseline(version, **more):
    return Baseline("churn", version, MODEL.classes, LAYOUT, "stratified", (), version * 64, **more)


def gathered(state, baselines=(), seen=None):
    known = {(one.model, one.version): one for one in baselines}
    return gather(SETTINGS, state, known, seen or Seen(NOW), NOW)


def test_of_models_that_are_re_validated_every_version_in_production_is_looked_at():
    state = state_of([("3", NOW - 50 * MINUTE, 9), ("4", NOW, 1)], matched=7)
    found = gathered(state, [baseline("3", written_at=NOW - DAY)], Seen(NOW, worse={("churn", "3"): {"eu": 2}}))
    assert list(found) == ["churn"]
    four, three = found["churn"]
    assert (four.version, four.newest, four.baseline, four.baseline_written_at) == ("4", True, None, None)
    assert (three.version, three.newest, three.baseline) == ("3", False, "3" * 64)
    assert three.baseline_written_at == NOW - DAY
    assert (four.worse, three.worse) == ({}, {"eu": 2})
    assert four.labels == three.labels == 7
    assert four.mature == {"stay": 0, "leave": 0}


def test_where_nothing_is_in_production_versions_with_a_baseline_are_looked_at_the_last_first():
    found = gathered(state_of([]), [baseline("3"), baseline("4"), replace(baseline("9"), model="other")])
    assert [(one.version, one.newest) for one in found["churn"]] == [("4", True), ("3", False)]
    assert gathered(state_of([])) == {"churn": ()}


def standing(slo, left, model="churn"):
    return Standing(model, slo, "timeslices", Decimal("0.9"), "page", BudgetState.OK, Tally(), left)


def test_spent_is_what_is_not_left_of_a_budget_and_speaks_of_the_newest_version():
    seen = Seen(NOW, standings=(standing("a", 0.29), standing("b", -1.5), standing("c", None), standing("d", 0, "x")))
    newest, older = gathered(state_of([("3", NOW - 50 * MINUTE, 9), ("4", NOW, 1)]), seen=seen)["churn"]
    assert newest.spent == {"a": pytest.approx(0.71), "b": 2.5}
    assert older.spent == {}


def window(version="3", length="24h", maturity=Maturity.MATURE, segment=None, leave=4, verdict=None, gates=()):
    metric = MetricResult("recall", "leave", 0.9, 0.8, 0.95, 0.95, "jeffreys", 10, 1.0, None, verdict=verdict)
    counts = counted(10, leave)
    return WindowResult(
        *("churn", version, segment, length, 0, NOW, NOW, maturity, MODEL.classes, counts, (metric,)), gates=gates
    )


def test_mature_labels_are_those_of_all_predictions_in_the_longest_window():
    others = [
        window(length="10m", leave=1),
        window(maturity=Maturity.PROVISIONAL, leave=2),
        window(segment="region=eu", leave=3),
        window(version="4", leave=5),
    ]
    assert mature_labels(MODEL, "3", [*others, window(leave=4)]) == {"stay": 6, "leave": 4}
    assert mature_labels(MODEL, "3", others) == {"stay": 0, "leave": 0}


def gate(name, state):
    return Gate(name, state, None, None, None, "")


def test_red_are_the_gates_on_what_a_model_would_learn_from():
    bad, fine = GateState.BAD, GateState.OK
    inspection = Inspection({
        "churn": Vitals((gate("completeness", bad), gate("timeliness", fine), gate("volume", bad))),
        "slow": Vitals((gate("latency", bad), gate("volume", GateState.UNKNOWN))),
    })  # fmt: skip
    red = red_gates(inspection)
    assert red == {"churn": ("completeness", "volume")}
    (evidence,) = gathered(state_of([("3", NOW, 1)]), seen=Seen(NOW, red=red))["churn"]
    assert evidence.red_gates == ("completeness", "volume")


# --- streaks -----------------------------------------------------------------------------------------------------

KEY = ("churn", "3")


def observed(verdicts, streaks=None):
    streaks = streaks or Streaks(SETTINGS.models)
    for verdict in verdicts:
        streaks.observe([window(verdict=verdict)])
    return streaks


@pytest.mark.parametrize(
    ("verdicts", "streak"),
    [("WWW", 3), ("WOW", 1), ("WWO", 0), ("WUW", 2), ("U", 0), ("OU", 0), ("WU", 1), ("W-W", 1), ("", 0)],
)
def test_worse_counts_ok_ends_it_and_unknown_cannot_tell(verdicts, streak):
    of = {"W": Verdict.WORSE, "O": Verdict.OK, "U": Verdict.UNKNOWN, "-": None}
    streaks = observed(of[letter] for letter in verdicts)
    assert streaks.worse == ({KEY: {"leave-recall": streak}} if streak else {})


def test_only_mature_windows_of_the_objectives_own_series_count():
    streaks = Streaks(SETTINGS.models)
    for other in (
        window(maturity=Maturity.PROVISIONAL, verdict=Verdict.WORSE),
        window(length="10m", verdict=Verdict.WORSE),
        window(segment="region=us", verdict=Verdict.WORSE),
    ):
        streaks.observe([other])
        assert streaks.worse == {}
    streaks.observe([window(segment="region=eu", verdict=Verdict.WORSE), window("4", verdict=Verdict.WORSE)])
    assert streaks.worse == {KEY: {"eu": 1}, ("churn", "4"): {"leave-recall": 1}}


def test_a_version_that_is_not_seen_any_more_has_no_streak():
    streaks = observed([Verdict.WORSE])
    streaks.observe([])
    assert streaks.worse == {}


def test_who_looks_without_evaluating_sees_what_verdicts_still_say():
    streaks = observed([Verdict.WORSE] * 4)
    assert streaks.as_of([window(verdict=Verdict.WORSE)]) == {KEY: {"leave-recall": 4}}
    assert streaks.as_of([window(verdict=Verdict.UNKNOWN)]) == {KEY: {"leave-recall": 4}}
    assert streaks.as_of([window(verdict=Verdict.OK)]) == streaks.as_of([]) == {}
    assert Streaks(SETTINGS.models).as_of([window(verdict=Verdict.WORSE)]) == {KEY: {"leave-recall": 1}}
    assert streaks.worse == {KEY: {"leave-recall": 4}}


def test_red_gates_are_kept_as_windows_carry_them():
    streaks = Streaks(SETTINGS.models)
    streaks.observe([window(gates=("volume",)), window(length="10m", gates=("completeness", "volume")), window()])
    assert streaks.red == {"churn": ("completeness", "volume")}
    again = Streaks(SETTINGS.models)
    again.restore(streaks.packed())
    assert again.red == streaks.red
    streaks.observe([window()])
    assert streaks.red == {}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(list(Verdict)), max_size=12), st.integers(0, 12))
def test_a_restart_anywhere_changes_nothing(verdicts, at):
    first = observed(verdicts[:at])
    second = Streaks(SETTINGS.models)
    second.restore(first.packed())
    assert observed(verdicts[at:], second).worse == observed(verdicts).worse
    assert second.packed() == observed(verdicts).packed()


@pytest.mark.parametrize(
    "packed",
    [b"", b"\xff", msgspec.msgpack.encode([1]), msgspec.msgpack.encode([[["gone", "3", "leave-recall", 4]], {}]),
     msgspec.msgpack.encode([[["churn", "3", "gone", 4]], {"gone": ["volume"]}])],
    ids=["empty", "damaged", "other", "model gone", "objective gone"],
)  # fmt: skip
def test_what_cannot_be_read_or_is_configured_no_more_is_left_out(packed):
    streaks = Streaks(SETTINGS.models)
    streaks.restore(packed)
    assert (streaks.worse, streaks.red) == ({}, {})
