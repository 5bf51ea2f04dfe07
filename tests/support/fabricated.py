"""Reports that look like real ones, made without events: for the faces of a report, which only show."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np

from monitor.alerting.alert import Alert
from monitor.alerting.verdicts import ALERT
from monitor.clock import DAY, HOUR, parse_duration, parse_time
from monitor.config import Duration, ModelSettings, Objective, Settings
from monitor.counts import Counts, Layout
from monitor.report.course import Courses
from monitor.report.history import History
from monitor.report.newest import Newest
from monitor.report.snapshot import Activity, Snapshot
from monitor.statistics.baseline import Baseline, Fold
from monitor.statistics.fold_scores import FoldScores
from monitor.statistics.report import Maturity, MetricResult, Report, Totals, Verdict, WindowResult

START = parse_time("2026-01-01T00:00:00Z")
FOLD_ROWS = 4_000


def alert(resolved_at=None, reason="recall of leave is 0.650"):
    of = {"slo": "leave-recall", "source": "verdict", "model": "churn", "version": "3", "segment": None}
    series = {"metric": "recall", "class_": "leave", "at": START, "resolved_at": resolved_at, "reason": reason}
    return Alert(alert=ALERT, severity="ticket", **of, **series)


def duration(text):
    return Duration(parse_duration(text), text)


def model(name="churn", classes=("stay", "leave"), windows=("24h", "7d"), horizon="2d", objectives=(), **more):
    return ModelSettings(
        name=name,
        classes=tuple(classes),
        layout=Layout(len(classes)),
        windows=tuple(map(duration, windows)),
        label_horizon=duration(horizon),
        correction_window=duration("30d"),
        label_first_wait=duration("1d"),
        objectives=tuple(objectives),
        owner="team-growth",
        **more,
    )


def settings(*models, **more):
    return Settings(models={one.name: one for one in models}, sha256="c0ffee" + "0" * 58, **more)


def churn(**more):
    promises = (
        Objective("leave-recall", "recall", "leave", "24h", margin=0.03, target=Decimal("0.95")),
        Objective("weekly-accuracy", "accuracy", None, "7d", margin=0.03),
        Objective("eu-recall", "recall", "leave", "7d", segment="region=eu", margin=0.05),
    )
    return model(objectives=promises, segments={"region": None}, **more)


def digits(**more):
    return model("digits", [str(i) for i in range(10)], ("2h",), "30m", margin=0.1, **more)


def wilson(k, n):
    """Return a plausible band: which one is not the question here, and this one is quick."""
    z, p = 1.96, k / n
    middle, half = p + z * z / (2 * n), z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    return (middle - half) / (1 + z * z / n), min((middle + half) / (1 + z * z / n), 1.0)


def result(metric, class_, k, n, promised, margin=0.03, *, immature=False, folds=FOLD_ROWS):
    """Return a result for k successes of n against a promise, by the rules that a reader expects."""
    if n == 0:
        return MetricResult(metric, class_, None, None, None, 0.95, "none", 0, 1.0, "no labelled predictions")
    value = k / n
    lower, upper = wilson(k, n)
    if promised is None:
        return MetricResult(metric, class_, value, lower, upper, 0.95, "jeffreys", n, 1.0, None, reason="no baseline")
    low, high = wilson(promised * folds, folds)
    difference = value - promised
    between = (
        difference - float(np.hypot(value - lower, high - promised)),
        difference + float(np.hypot(upper - value, promised - low)),
    )
    verdict, reason, needed = Verdict.UNKNOWN, "too few labels", int(n * 3.7) + 40
    if immature:
        reason, needed = "immature", None
    elif between[1] < -margin:
        verdict, reason, needed = Verdict.WORSE, f"at least {-between[1]:.2g} worse than promised", None
    elif between[0] > -margin:
        verdict, reason, needed = Verdict.OK, None, None
    return MetricResult(
        metric, class_, value, lower, upper, 0.95, "jeffreys", n, 1.0, None,
        promised, low, high, promised, difference, *between, margin, verdict, reason, needed,
    )  # fmt: skip


def window(of, version, text, end, maturity, confusion, *, unlabelled=0, segment=None, promised=0.86, margin=None):
    """Return a window over a confusion matrix; `promised` None: nothing to compare with."""
    confusion = np.asarray(confusion)
    margin = of.margin if margin is None else margin
    predicted = confusion.sum(axis=0).copy()
    predicted[0] += unlabelled
    immature = maturity is Maturity.PROVISIONAL and unlabelled > margin * confusion.sum()
    say = {"margin": margin, "immature": immature}
    true, guessed, hits = confusion.sum(axis=1), confusion.sum(axis=0), confusion.diagonal()
    n = int(confusion.sum())
    metrics = []
    for i, name in enumerate(of.classes):
        k = int(hits[i])
        union = int(true[i] + guessed[i] - k)
        metrics += [
            result("precision", name, k, int(guessed[i]), promised, **say),
            result("recall", name, k, int(true[i]), promised, **say),
            result("f1", name, k, union, promised and promised / (2 - promised), **say),
            result("specificity", name, int(n - union), int(n - true[i]), promised and 0.97, **say),
            MetricResult("support", name, float(true[i]) if n else None, None, None, 0.95, "none", n, 1.0, None),
        ]
    metrics.append(result("accuracy", None, int(hits.sum()), n, promised, **say))
    for name in ("macro_precision", "macro_recall", "macro_f1"):
        metrics.append(result(name, None, int(hits.sum()), n, promised, **say))
    undefined = None if n else "no labelled predictions"
    loss = (0.41, 0.38, 0.44) if n else (None,) * 3
    metrics.append(MetricResult("log_loss", None, *loss, 0.95, "clt", n, 1.0, undefined, 0.4, 0.39, 0.41))
    said = "0.012 expected if calibrated; p = 0.31" if n else None
    metrics.append(
        MetricResult("ece", None, 0.013 if n else None, None, None, 0.95, "none", n, 1.0, undefined, reason=said)
    )
    millis = parse_duration(text)
    as_of = end + of.label_horizon.millis if maturity is Maturity.MATURE else end
    counts = Counts.from_planes(of.layout, {"confusion": confusion, "predicted": predicted})
    return WindowResult(
        of.name, version, segment, text, end - millis, end, as_of, maturity, of.classes, counts, tuple(metrics)
    )


def drawn(rng, classes, n, recall, shares=None):
    """Return a confusion matrix of n predictions; recall (K,) or one number; errors go to the neighbours."""
    k = classes
    shares = np.full(k, 1 / k) if shares is None else np.asarray(shares)
    recall = np.broadcast_to(recall, k)
    cells = np.zeros((k, k))
    for i in range(k):
        cells[i, i] = recall[i]
        if k == 2:
            cells[i, 1 - i] = 1 - recall[i]
        else:
            cells[i, (i + 1) % k] += (1 - recall[i]) * 0.6
            cells[i, (i + 3) % k] += (1 - recall[i]) * 0.4
        cells[i] *= shares[i]
    return rng.multinomial(n, cells.ravel()).reshape(k, k)


def history_of(of, version, *, ends, recall, per_window, promised=0.86, segments=(), seed=7):
    """Yield windows as a monitor would: at each end the provisional one, and the mature one whose labels are in by now.

    recall(end) returns what `drawn` takes.
    """
    rng = np.random.default_rng(seed)
    for end in ends:
        for length in of.windows:
            n = per_window * max(1, length.millis // of.windows[0].millis)
            for maturity in Maturity:
                at = end if maturity is Maturity.PROVISIONAL else end - of.label_horizon.millis
                share = 0.4 if maturity is Maturity.PROVISIONAL else 0.97
                for segment in (None, *segments):
                    many = n if segment is None else n // 3
                    labelled = drawn(rng, len(of.classes), int(many * share), recall(at))
                    yield window(
                        of, version, length.text, at, maturity, labelled,
                        unlabelled=many - int(many * share), segment=segment,
                        promised=None if segment == "region=apac" else promised,
                    )  # fmt: skip


TOTALS = Totals(
    predictions=48_211, matched=40_120, waiting=7_311, expired=780, duplicate=312, label_first=55,
    labels=41_002, applied=40_120, corrected=310, retracted=12, repeated=388, orphan=41, labels_waiting=131,
    dead_letters={"bad score": 17, "unknown class": 4}, skipped={"unknown model": 220},
)  # fmt: skip


def baseline(of, version="3", folds=5):
    size = len(of.classes)
    counts = Counts.from_planes(of.layout, {"confusion": np.eye(size, dtype=int) * 160})
    return Baseline(
        of.name, version, of.classes, of.layout, "stratified",
        tuple(Fold(str(i), 0, 3_200, counts) for i in range(folds)), "5be1" + "a" * 60,
    )  # fmt: skip


def snapshot(windows, of, *, totals=TOTALS, **more):
    """Return what a daemon would publish after these windows."""
    one = of if isinstance(of, Settings) else settings(of)
    history, kept, courses = History(one), Newest(), Courses(one.models)
    as_of = START
    for seen in windows:
        history.add(seen)
        kept.add(seen)
        courses.observe(seen)
        as_of = max(as_of, seen.as_of)
    report = Report(as_of, tuple(kept.view().values()), totals)
    more.setdefault("courses", courses.courses)
    more.setdefault("folds", {key: FoldScores.of(one) for key, one in more.get("baselines", {}).items()})
    return Snapshot(
        settings=one, build="0.1.0", started_at=START, report=report, history=history.view(),
        activity={
            name: Activity(totals, {"3": totals.predictions}, as_of - HOUR, as_of - HOUR // 2) for name in one.models
        },
        **more,
    )  # fmt: skip


def churn_snapshot(days=30, every=6 * HOUR, **more):
    """A binary model with segments: fine for two thirds of the time, then the recall of `leave` falls."""
    of = churn()
    fall = START + days * DAY * 2 // 3

    def recall(at):
        return (0.87, 0.865) if at < fall else (0.87, 0.865 - 0.14 * min(1.0, (at - fall) / (4 * DAY)))

    ends = range(START + DAY, START + days * DAY + 1, every)
    seen = history_of(
        of, "3", ends=ends, recall=recall, per_window=900, segments=("region=apac", "region=eu", "region=us")
    )
    more.setdefault("baselines", {("churn", "3"): baseline(of)})
    return snapshot(seen, of, **more)


def digits_snapshot(hours=14, **more):
    """Ten classes: digit 8 is photographed badly at the end."""
    of = digits()
    fall = START + (hours - 4) * HOUR
    ends = range(START + 2 * HOUR, START + hours * HOUR + 1, HOUR // 4)

    def recall(at):
        good = np.full(10, 0.95)
        good[8] = 0.95 if at < fall else 0.7
        return good

    seen = history_of(of, "1", ends=ends, recall=recall, per_window=4_800, promised=0.95)
    return snapshot(seen, of, baselines={("digits", "1"): baseline(of, "1")}, **more)


def many_snapshot(classes=40, **more):
    """Many classes: cards for some, a list for the rest, the most frequent confusions."""
    of = model("tickets", [f"queue-{i:02d}" for i in range(classes)], ("24h",), "1d")
    ends = range(START + DAY, START + 6 * DAY, 6 * HOUR)
    quality = np.linspace(0.7, 0.95, classes)
    seen = history_of(of, "2026-01", ends=ends, recall=lambda _: quality, per_window=6_000, promised=0.86)
    return snapshot(seen, of, **more)


def empty_snapshot(*, evaluated=False, of=None):
    one = settings(of or churn())
    report = Report(START + HOUR) if evaluated else None
    return Snapshot(settings=one, build="0.1.0", started_at=START, report=report)


def without_labels():
    of = churn()
    seen = [
        window(
            of, "4", "24h", START + DAY, Maturity.PROVISIONAL, np.zeros((2, 2), int), unlabelled=1_240, promised=None
        )
    ]
    waiting = replace(TOTALS, matched=0, waiting=1_240, predictions=1_240, expired=0)
    return snapshot(seen, of, totals=waiting)
