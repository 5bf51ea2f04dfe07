"""One objective of a model, held against the model's classes, windows and segments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.clock import parse_duration
from monitor.config import keys, kinds
from monitor.config.alert_keys import TARGET
from monitor.config.budgets import read_promise
from monitor.config.kinds import shown
from monitor.config.near import listed, meant
from monitor.config.settings import Objective
from monitor.config.words import METRIC_SYNONYMS
from monitor.counts.layout import MOST_SCORED_CLASSES
from monitor.join.words import normal_class
from monitor.statistics.names import LOSSES, METRICS, NEVER_JUDGED, OVERALL, OVERALL_BINARY, RANKED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.config.budgets import Terms
    from monitor.config.section import Section
    from monitor.config.settings import Duration

_TWO = 2
_LONGEST_WINDOW_TEXT = 20


def read_objective(
    name: str | None,
    section: Section,
    classes: tuple[str, ...] | None,
    windows: tuple[Duration, ...] | None,
    segments: Mapping[str, tuple[str, ...] | None] | None,
    terms: Terms | None = None,
) -> Objective | None:
    """Read one objective; None where something about it is wrong, which is reported.

    What of the model, and of the terms of its budget, is None is itself wrong, and nothing is held against it.
    """
    before = len(section.at.problems)
    metric = _metric(section, classes)
    class_ = _class(section, metric, classes)
    window = _window(section, windows)
    segment = _segment(section, segments)
    margin = _margin(section, metric)
    promise = read_promise(section, metric, terms)
    if len(section.at.problems) > before or name is None or metric is None or window is None or promise is None:
        return None
    return Objective(
        name,
        metric,
        class_,
        window,
        segment,
        margin,
        target=promise.target,
        kind=promise.kind,
        routing=promise.routing,
        annotations=promise.annotations,
        line=section.value(TARGET).node.line,
    )


def _metric(section: Section, classes: tuple[str, ...] | None) -> str | None:
    """Read the metric: known, one that gets verdicts, and defined for so many classes."""
    metric = section.get(keys.OBJECTIVE_METRIC)
    if metric is None:
        return None
    at = section.value(keys.OBJECTIVE_METRIC)
    judged = [name for name in METRICS if name not in NEVER_JUDGED]
    if metric in NEVER_JUDGED:
        at.report(f"`{metric}` gets no verdict", f"choose one of: {', '.join(judged)}")
    elif metric not in METRICS:
        at.report(f"unknown metric {shown(metric)}", meant(metric, judged, METRIC_SYNONYMS))
    elif metric in RANKED and classes is not None and len(classes) > MOST_SCORED_CLASSES:
        finding = f"`{metric}` needs the scores of every class, and of {len(classes)} classes they are not kept"
        at.report(finding, f"choose a metric without scores, or have at most {MOST_SCORED_CLASSES} classes")
    else:
        return metric
    return None


def _class(section: Section, metric: str | None, classes: tuple[str, ...] | None) -> str | None:
    """Read the class, as the model's classes write it."""
    given = section.get(keys.OBJECTIVE_CLASS)
    if metric is None or classes is None:
        return None
    if given is None:
        optional = metric in OVERALL or (metric in OVERALL_BINARY and len(classes) == _TWO)
        if not optional and keys.OBJECTIVE_CLASS not in section:
            section.at.report(
                f"`class` is missing: `{metric}` is a class's",
                f"add `class`, one of: {listed(classes)}",
            )
        return None
    at = section.value(keys.OBJECTIVE_CLASS)
    if metric in OVERALL:
        at.report(f"`{metric}` is of the whole model", "remove `class`")
        return None
    normal = {normal_class(name): name for name in classes}
    if normal_class(given) not in normal:
        at.report(f"unknown class {shown(given)}", meant(given, classes))
    return normal.get(normal_class(given))


def _window(section: Section, windows: tuple[Duration, ...] | None) -> str | None:
    """Read the window and return it as the model's windows write it."""
    text = section.get(keys.OBJECTIVE_WINDOW)
    if text is None or windows is None:
        return None
    millis = parse_duration(text) if len(text) <= _LONGEST_WINDOW_TEXT else None
    for window in windows:
        if millis == window.millis:
            return window.text
    at = section.value(keys.OBJECTIVE_WINDOW)
    listed = ", ".join(window.text for window in windows)
    at.report(f"{shown(text)} is not among the windows", f"choose one of {listed}, or add it to `windows`")
    return None


def _segment(section: Section, segments: Mapping[str, tuple[str, ...] | None] | None) -> str | None:
    """Read `name=value` and hold it against the model's segments."""
    text = section.get(keys.OBJECTIVE_SEGMENT)
    if text is None or segments is None:
        return None
    at = section.value(keys.OBJECTIVE_SEGMENT)
    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        at.report(f"{shown(text)} is not `name=value`", "write such as `region=eu`")
    elif name not in segments:
        remedy = meant(name, segments) if segments else f"add `segments: [{name}]` to the model"
        at.report(f"{shown(name)} is not among the segments", remedy)
    elif value not in (*(segments[name] or (value,)), "(other)", "(none)"):
        at.report(f"{shown(value)} is not among the values of `{name}`", meant(value, segments[name] or ()))
    else:
        return text
    return None


def _margin(section: Section, metric: str | None) -> float | None:
    """Read the margin; a loss needs its own, in its own units."""
    if metric in LOSSES:
        if keys.OBJECTIVE_MARGIN not in section:
            finding = f"`margin` is missing: that of the model is not for `{metric}`"
            section.at.report(finding, "add `margin`, in units of the loss, such as `margin: 0.02`")
        return section.get(keys.OBJECTIVE_MARGIN)
    if keys.OBJECTIVE_MARGIN in section:
        return kinds.MARGIN.read(section.value(keys.OBJECTIVE_MARGIN))
    return None
