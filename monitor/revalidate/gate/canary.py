"""The canary rule: one version in production against another one, on mature live counts of both. Pure.

Both are compared at the candidate's class shares: precision, F1 and accuracy move with the mix of classes whatever the
model is worth, so the other version's confusion is reweighted to the candidate's mix, as a promise of folds is to a
window's; recall needs none of it. So a router that sends more of an easy class to the candidate does not make it look
better. What a router can still do is to send easier cases of the same class. Segments show that: where theirs are
mixed differently the comparison of everything together decides nothing, and each segment has to be OK by itself.

The predictions of both are taken to be independent. Where both scored the same ones (a shadow) the bands are too wide,
never too narrow. Each look is one test: who looks again and again until something is decided finds a WORSE that is none
more often than once in forty (measured with 40 looks while the labels grew a hundredfold: 2 to 4 % with two classes at
a margin of 0.03, a quarter or more without a margin).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from monitor.revalidate.gate import sides
from monitor.revalidate.gate.told import by_urgency, entries, named, sentence, tally, told, wanted
from monitor.statistics.baseline import Baseline
from monitor.statistics.comparison import Columns
from monitor.statistics.folds import Folds
from monitor.statistics.promise import Promise
from monitor.statistics.report import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from monitor.config import ModelSettings
    from monitor.counts import Counts
    from monitor.revalidate.gate.sides import Question, Row

    Live = Mapping[str | None, Counts]

_MATERIAL: Final = 0.05
"""Shares of a mix that differ by less are alike."""
_DEVIATIONS: Final = 3.0
"""And by so many standard deviations they have to differ: few labels differ by chance."""


@dataclass(frozen=True, slots=True)
class Canary:
    """What the rule says of a candidate version."""

    verdict: Verdict
    reasons: tuple[str, ...]
    """Sentences: what is worse, what is not known yet, how the traffic of both differs."""
    document: Mapping[str, Any] = field(default_factory=dict)
    """All of it as JSON values; difference = candidate (`b`) - the other one (`a`)."""


def weigh(model: ModelSettings, candidate: str, against: str, ours: Live, theirs: Live, window: str) -> Canary:
    """Return whether a version may take another one's place.

    ours, theirs: mature counts by segment (None: everything) of the candidate and of the version `against` in one
    window, which is named only. WORSE if any comparison is; OK if none is and what the objectives promise (without
    objectives: every class's recall) is decided; else UNKNOWN, with what is missing.
    """
    columns = Columns(model.layout)
    empty = [version for version, live in ((candidate, ours), (against, theirs)) if not _labels(live)]
    rows = [] if empty else list(_rows(model, columns, ours, theirs))
    other = f"where version {against} delivers"
    shifted = [] if empty else [name for name in sorted(model.segments) if _shifted(name, ours, theirs)]
    worse = [row for row in by_urgency(rows) if row.verdict is Verdict.WORSE]
    missing = list(_missing(model, columns, rows, shifted, ours, other))
    reasons = [f"version {version} has no mature label in {window}" for version in empty]
    reasons += told([sentence(row, model.classes, other) for row in worse], "comparisons are WORSE")
    if not empty:
        reasons += _mixes(model, candidate, against, ours, theirs, shifted)
    verdict = Verdict.WORSE if worse else Verdict.UNKNOWN if missing or empty else Verdict.OK
    if verdict is Verdict.UNKNOWN and not empty:
        reasons = [*told(missing, "comparisons are not decided"), *reasons]
    if verdict is Verdict.OK:
        counted = tally(rows)
        said = f"nothing is worse than what version {against} delivers: {counted[Verdict.OK]} of {len(rows)} are OK"
        reasons = [said, *reasons]
    comparisons, left_out = entries(rows, model.classes, "b", "a")
    document = {
        "model": model.name,
        "candidate": candidate,
        "against": against,
        "window": window,
        "verdict": verdict.value,
        "reasons": reasons,
        "labels": {"a": _labels(theirs), "b": _labels(ours)},
        "comparisons": comparisons,
        "left_out": left_out,
    }
    return Canary(verdict, tuple(reasons), document)


def _rows(model: ModelSettings, columns: Columns, ours: Live, theirs: Live) -> Iterator[Row]:
    """Yield every comparison, of everything and of the segments that both have counts of."""
    segments = sorted(name for name in ours if name is not None and _labels(ours, name) and _labels(theirs, name))
    for family in ([None], segments):
        classes = sum(int((sides.class_shares(ours[name]) > 0).sum()) for name in family)
        level = sides.family_level(classes)
        for segment in family:
            yield from _compared(model, columns, segment, ours[segment], theirs[segment], level)


def _compared(
    model: ModelSettings, columns: Columns, segment: str | None, ours: Counts, theirs: Counts, level: float
) -> list[Row]:
    """Return the comparisons of one segment, at the candidate's class shares."""
    # The other version's counts stand as folds of which there is one: it cannot stray, so the closed forms are left.
    folds = Folds((theirs,), theirs, 1, 0.0)
    stand_in = Baseline(model.name, "", model.classes, model.layout, "live", (), "")
    promise = Promise(stand_in, folds, level)
    both = shares, _ = sides.class_shares(ours), sides.scored_shares(ours)
    n = sides.denominators(columns, folds)
    now = sides.measured(columns, ours, level)
    first = sides.promised(columns, promise, both, dict.fromkeys(sides.OF_CLASSES, shares > 0), n)
    present = sides.both_have(columns, shares, (first, now))
    there = sides.promised(columns, promise, both, present, n)
    here = sides.over(columns, now, present)
    return sides.compared(columns, sides.questions(model, columns, segment), here, there, shares, level, grows=True)


def _missing(
    model: ModelSettings, columns: Columns, rows: Sequence[Row], shifted: Sequence[str], ours: Live, other: str
) -> Iterator[str]:
    """Yield what has to be decided for an OK and is not."""
    answers = {row.question: row for row in rows}
    for question in _required(model, columns, shifted, ours):
        row = answers.get(question)
        if row is None:
            yield f"{named(question, model.classes)}: one of the versions has no mature label of it"
        elif row.verdict is Verdict.UNKNOWN:
            more = wanted(row, "labels of the candidate", "the other version")
            yield f"{sentence(row, model.classes, other)}: {more}"


def _required(model: ModelSettings, columns: Columns, shifted: Sequence[str], ours: Live) -> list[Question]:
    """Return what has to be decided: objectives, else recalls; of a shifted traffic the recalls of its segments too."""
    named_ = sorted({objective.segment for objective in model.objectives if objective.segment is not None})
    asked = [q for segment in (None, *named_) for q in sides.questions(model, columns, segment) if q.asked]
    recalls = [q for q in sides.questions(model, columns, None) if q.metric == "recall"]
    parts = [
        question
        for name in shifted
        for segment in sorted(key for key in ours if key is not None and key.startswith(f"{name}="))
        if _labels(ours, segment) >= _MATERIAL * _labels(ours)
        for question in sides.questions(model, columns, segment)
        if question.metric == "recall" and question.class_ is not None and _has(ours[segment], question.class_)
    ]
    return list(dict.fromkeys([*(asked or recalls), *parts]))


def _has(counts: Counts, class_: int) -> bool:
    return bool(sides.class_shares(counts)[class_] > 0)


def _shifted(name: str, ours: Live, theirs: Live) -> bool:
    """Tell whether the segments of one name share the labelled predictions of both versions differently."""
    values = sorted({key for live in (ours, theirs) for key in live if key is not None and key.startswith(f"{name}=")})
    mixes = [np.array([_labels(live, key) for key in values], np.float64) for live in (ours, theirs)]
    return any(_differ(*pair) for pair in _shares(*mixes))


def _mixes(
    model: ModelSettings, candidate: str, against: str, ours: Live, theirs: Live, shifted: Iterable[str]
) -> Iterator[str]:
    """Yield how the traffic of both differs, where it does so materially."""
    counted = [sides.class_shares(live[None]) * live[None].labels for live in (ours, theirs)]
    pairs = list(_shares(*counted))
    if any(_differ(*pair) for pair in pairs):
        # Rounded, so that the two classes of a binary model, which differ alike, do not change places by chance.
        at = int(np.argmax([round(abs(a / n - b / m), 6) for a, n, b, m in pairs]))
        a, n, b, m = pairs[at]
        yield (
            f"the classes are mixed differently: {100 * a / n:.0f} % of what version {candidate} got is "
            f"{model.classes[at]}, {100 * b / m:.0f} % of version {against}'s; both are compared at the candidate's mix"
        )
    for name in shifted:
        yield (
            f"the traffic is not split at random: {name} is mixed differently; what all of it together says decides "
            "nothing, so each of its segments has to be OK"
        )


def _shares(first: np.ndarray[Any, Any], second: np.ndarray[Any, Any]) -> Iterator[tuple[float, float, float, float]]:
    """Yield for each place (cases, of all) of the first mix and (cases, of all) of the second."""
    n, m = float(first.sum()), float(second.sum())
    for a, b in zip(first.tolist(), second.tolist(), strict=True):
        yield a, n, b, m


def _differ(a: float, n: float, b: float, m: float) -> bool:
    """Tell whether a of n and b of m are shares that differ materially, and not by chance."""
    if not (n > 0 and m > 0):
        return False
    apart, together = abs(a / n - b / m), (a + b) / (n + m)
    chance = (together * (1.0 - together) * (1.0 / n + 1.0 / m)) ** 0.5
    return apart > _MATERIAL and apart > _DEVIATIONS * chance


def _labels(live: Live, segment: str | None = None) -> int:
    counts = live.get(segment)
    return 0 if counts is None else counts.labels
