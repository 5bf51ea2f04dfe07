"""Comparisons of two sides in words and as JSON values. Pure."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from monitor.report import words
from monitor.statistics.report import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitor.revalidate.gate.sides import Question, Row

MOST_TOLD: Final = 8
"""So many comparisons are told one by one; the document has the others."""
MOST_NAMES: Final = 5
MOST_ROWS: Final = 400
"""So many comparisons are in a document."""


def named(question: Question, classes: Sequence[str]) -> str:
    """Return `recall of leave in region=eu`."""
    class_ = None if question.class_ is None else classes[question.class_]
    return words.title(question.metric, class_) + (f" in {question.segment}" if question.segment else "")


def sentence(row: Row, classes: Sequence[str], other: str) -> str:
    """Say both values, the difference with its band and the margin. `other`: `where the baseline in force promises`."""
    head = f"{named(row.question, classes)}: {_valued(row.first)} {other} {_valued(row.second)}"
    difference = f"difference {row.difference[0]:+.3f} ({row.difference[1]:+.3f} to {row.difference[2]:+.3f})"
    margin = f"the margin {row.question.margin:g}"
    if row.verdict is Verdict.WORSE:
        return f"{head}; {difference} is beyond {margin}"
    if row.verdict is Verdict.OK:
        return f"{head}; {difference} is within {margin}"
    return f"{head}; {difference} is not decided against {margin}"


def wanted(row: Row, growing: str, fixed: str) -> str:
    """Say what would decide an UNKNOWN. `growing`: the noun that is counted; `fixed`: the side that stays as it is."""
    if row.needed is not None:
        return f"about {words.count(row.needed)} {growing} would decide, {words.count(row.n)} count for it now"
    return f"no number of {growing} is enough: {fixed} is known to +-{row.width:.2g} only"


def told(sentences: Sequence[str], rest: str) -> list[str]:
    """Return the first few sentences, and how many more there are; `rest`: `comparisons are WORSE`."""
    more = len(sentences) - MOST_TOLD
    return [*sentences[:MOST_TOLD], *([f"{more} more {rest}"] if more > 0 else [])]


def listed(names: Sequence[str]) -> str:
    """Return the first few names."""
    return ", ".join(names[:MOST_NAMES]) + (", …" if len(names) > MOST_NAMES else "")


def by_urgency(rows: Iterable[Row]) -> list[Row]:
    """Return rows as a reader wants them: WORSE first, objectives before the rest, the whole before segments."""
    seriousness = {Verdict.WORSE: 0, Verdict.UNKNOWN: 1, Verdict.OK: 2}
    return sorted(
        rows,
        key=lambda row: (
            seriousness[row.verdict],
            not row.question.asked,
            row.question.segment is not None,
            -row.shortfall,
            row.question.segment or "",
            row.question.column,
        ),
    )


def entries(rows: Sequence[Row], classes: Sequence[str], first: str, second: str) -> tuple[list[dict[str, Any]], int]:
    """Return the rows as JSON values, and how many are left out; the sides go by the names given.

    Many segments of many classes are thousands of comparisons: what is left out then are those of segments that are
    OK, the least urgent last.
    """
    kept = rows
    if len(rows) > MOST_ROWS:
        chosen = {id(row) for row in by_urgency(rows)[:MOST_ROWS]}
        kept = [row for row in rows if id(row) in chosen]
    return [entry(row, classes, first, second) for row in kept], len(rows) - len(kept)


def entry(row: Row, classes: Sequence[str], first: str, second: str) -> dict[str, Any]:
    """Return one row as JSON values."""
    question = row.question
    return {
        "metric": question.metric,
        "class": None if question.class_ is None else classes[question.class_],
        "segment": question.segment,
        **_ends(first, row.first),
        **_ends(second, row.second),
        **_ends("difference", row.difference),
        "level": row.level,
        "n": row.n,
        "margin": question.margin,
        "verdict": row.verdict.value,
        "labels_needed": row.needed,
    }


def tally(rows: Iterable[Row]) -> dict[str, int]:
    """Return how many rows have each verdict."""
    verdicts = [row.verdict for row in rows]
    return {verdict.value: verdicts.count(verdict) for verdict in Verdict}


def _ends(name: str, of: tuple[float, float, float]) -> dict[str, float | None]:
    keys = (name, f"{name}_lower", f"{name}_upper")
    return {key: x if isfinite(x) else None for key, x in zip(keys, of, strict=True)}


def _valued(of: tuple[float, float, float]) -> str:
    return f"{of[0]:.3f} ({of[1]:.3f} to {of[2]:.3f})"
