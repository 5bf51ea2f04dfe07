"""The objectives of a version: what was promised, what production shows, and how much is missing for a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.report import words
from monitor.report.badges import badge
from monitor.report.markup import Markup, tag
from monitor.statistics.report import Maturity

if TYPE_CHECKING:
    from monitor.config import Objective
    from monitor.report.course import Course
    from monitor.report.version import Version
    from monitor.statistics.report import MetricResult, WindowResult


def promises(version: Version) -> Markup | None:
    """Return one row an objective, the most serious verdict first; None where none is configured."""
    if not version.model.objectives:
        return None
    rows = [_row(version, *one) for one in version.judged()]
    seen = {objective.name for objective, _, _ in version.judged()}
    rows += [
        _unseen(objective, version.model.margin) for objective in version.model.objectives if objective.name not in seen
    ]
    head = ("Objective", "Production", "Promised", "Difference", "Labels", "Verdict")
    return tag(
        "table",
        tag("caption", "Objectives"),
        tag("thead", tag("tr", *(tag("th", name, scope="col") for name in head))),
        tag("tbody", *rows),
        class_="plain stack promises",
    )


def _row(version: Version, objective: Objective, window: WindowResult, result: MetricResult) -> Markup:
    needed = result.labels_needed
    labels = words.count(result.n)
    return tag(
        "tr",
        tag("th", objective.name, tag("small", _terms(objective, version.model.margin)), scope="row"),
        _number("Production", words.number(result.value, result.metric), words.band(result.lower, result.upper)),
        _number(
            "Promised",
            words.number(result.baseline, result.metric),
            words.band(result.baseline_lower, result.baseline_upper),
        ),
        _number(
            "Difference",
            words.signed(result.difference),
            words.signed_band(result.difference_lower, result.difference_upper),
        ),
        _number("Labels", labels, f"of about {words.count(needed)}" if needed and needed > result.n else ""),
        tag(
            "td",
            badge(result.verdict),
            tag("small", f"{words.verdict_in_words(result)}{_provisional(window)}"),
            _course(version, objective),
            data_label="Verdict",
        ),
    )


def _terms(objective: Objective, margin: float) -> str:
    """Return what was promised: `recall of leave, 24h, margin 0.03, target 95 % (timeslices)`."""
    terms = [
        words.title(objective.metric, objective.class_),
        objective.segment,
        objective.window,
        f"margin {objective.margin if objective.margin is not None else margin:g}",
        f"target {words.percent(objective.target)} ({objective.kind})" if objective.target is not None else None,
    ]
    return ", ".join(filter(None, terms))


def _number(label: str, value: str, small: str) -> Markup:
    return tag("td", value, tag("small", small) if small else None, data_label=label)


def _provisional(window: WindowResult) -> str:
    return " (provisional)" if window.maturity is Maturity.PROVISIONAL else ""


def _course(version: Version, objective: Objective) -> Markup | None:
    """Return when a replayed objective first turned WORSE."""
    for course in version.courses:
        if course.objective is objective or course.objective == objective:
            return tag("small", _told(course))
    return None


def _told(course: Course) -> str:
    if not course.windows:
        return "no mature window yet"
    if course.first_worse_at is None:
        return f"never WORSE in {words.count(course.windows)} mature windows"
    first = (
        f"first WORSE at {words.moment(course.first_worse_at)}, {words.length(course.delay)} after the first bad window"
    )
    return f"{first}; {words.count(course.worse)} of {words.count(course.windows)} mature windows"


def _unseen(objective: Objective, margin: float) -> Markup:
    """Return the row of an objective of which there is no window."""
    why = f"no window of {objective.window}" + (f" for {objective.segment}" if objective.segment else "") + " yet"
    name = tag("th", objective.name, tag("small", _terms(objective, margin)), scope="row")
    return tag("tr", name, tag("td", badge(None), tag("small", why), colspan=5, data_label="Verdict"))
