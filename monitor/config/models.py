"""One model of a configuration: its classes, windows, segments and objectives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.clock import format_duration
from monitor.config import keys, kinds
from monitor.config.kinds import entries, item_at, items, shown
from monitor.config.near import meant
from monitor.config.nodes import Items, Scalar
from monitor.config.objectives import read_objective
from monitor.config.revalidation import MlflowRun
from monitor.config.revalidation_keys import REVALIDATE
from monitor.config.revalidation_kinds import RUN_ID, RUN_PREFIX
from monitor.config.revalidation_read import read_revalidation
from monitor.config.section import Section
from monitor.config.settings import Duration, ModelSettings
from monitor.counts import Layout
from monitor.join.words import normal_class

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.config.budgets import Terms
    from monitor.config.kinds import At
    from monitor.config.settings import Objective

_TWO = 2


def read_model(
    name: str, section: Section, folder: Path, terms: Terms | None = None, *, tracked: bool = True
) -> ModelSettings | None:
    """Read one model; None where something about it is wrong, which is reported.

    `folder` is the configuration's, `terms` are those of its error budgets, None where they are wrong themselves.
    `tracked`: whether the configuration says where MLflow is.
    """
    before = len(section.at.problems)
    classes = _classes(section)
    positive = _positive(section, classes)
    threshold = _threshold(section, classes)
    windows = section.get(keys.WINDOWS)
    horizon = section.get(keys.LABEL_HORIZON)
    correction_window = _correction_window(section, horizon, windows)
    label_first_wait = section.get(keys.LABEL_FIRST_WAIT)
    baseline = _baseline(section, folder, tracked=tracked)
    segments = _segments(section)
    margin = section.get(keys.MARGIN)
    owner = section.get(keys.OWNER)
    fine = len(section.at.problems)
    objectives = _objectives(section, classes, windows, segments, terms)
    promised = objectives if len(section.at.problems) == fine else None
    revalidate = section.get(REVALIDATE)
    revalidation = None if revalidate is None else read_revalidation(revalidate, folder, promised, keys.TABLES)
    if (
        len(section.at.problems) > before
        or classes is None
        or windows is None
        or horizon is None
        or correction_window is None
        or label_first_wait is None
        or segments is None
        or margin is None
    ):
        return None
    return ModelSettings(
        name=name,
        classes=classes,
        layout=Layout(len(classes), positive),
        windows=windows,
        label_horizon=horizon,
        correction_window=correction_window,
        label_first_wait=label_first_wait,
        baseline=baseline,
        segments=segments,
        margin=margin,
        owner=owner or "",
        threshold=threshold,
        objectives=objectives,
        revalidation=revalidation,
    )


def _classes(section: Section) -> tuple[str, ...] | None:
    """Read the classes, each once under the class text rule; fewer than two, and twins, are problems."""
    classes = section.get(keys.CLASSES)
    if classes is None:
        return None
    at = section.value(keys.CLASSES)
    if len(classes) < _TWO:
        found = f"there is one class, {shown(classes[0])}" if classes else "there are no classes"
        at.report(found, "name at least two: a classifier tells one from another")
    first: dict[str, int] = {}
    for i, text in enumerate(classes):
        earlier = first.setdefault(normal_class(text), i)
        if earlier != i:
            twin = classes[earlier]
            same = "twice" if twin == text else f"the same class as {shown(twin)}: integral numbers lose their fraction"
            item_at(at, i).report(f"{shown(text)} is {same}", "name each class once")
    return tuple(classes[i] for i in sorted(first.values())) or None


def _positive(section: Section, classes: tuple[str, ...] | None) -> int:
    """Return the index of the positive class."""
    text = section.get(keys.POSITIVE)
    if text is None or classes is None:
        return 1
    at = section.value(keys.POSITIVE)
    if len(classes) > _TWO:
        at.report(f"of {len(classes)} classes none is positive", "remove `positive`: it is for two classes")
        return 1
    index = class_index(text, classes)
    if index is None:
        at.report(f"{shown(text)} is not among the classes", meant(text, classes))
        return 1
    return index


def class_index(text: str, classes: tuple[str, ...]) -> int | None:
    """Return the index of a class under the class text rule, None where there is none of that text."""
    normal = [normal_class(name) for name in classes]
    return normal.index(normal_class(text)) if normal_class(text) in normal else None


def _threshold(section: Section, classes: tuple[str, ...] | None) -> float | None:
    """Read the threshold, which only two classes have."""
    threshold = section.get(keys.THRESHOLD)
    if threshold is not None and classes is not None and len(classes) > _TWO:
        finding = f"of {len(classes)} classes none is predicted by a threshold"
        section.value(keys.THRESHOLD).report(finding, "remove `threshold`: it is for two classes")
    return threshold


def _correction_window(
    section: Section, horizon: Duration | None, windows: tuple[Duration, ...] | None
) -> Duration | None:
    """Read how long a label belongs to its prediction."""
    if keys.CORRECTION_WINDOW not in section:
        if horizon is None or windows is None:
            return None
        millis = horizon.millis + max(window.millis for window in windows)
        return Duration(millis, format_duration(millis))
    given = section.get(keys.CORRECTION_WINDOW)
    if given is not None and horizon is not None and given.millis < horizon.millis:
        finding = f"{given.text} is less than `label_horizon`, {horizon.text}"
        section.value(keys.CORRECTION_WINDOW).report(finding, f"write {horizon.text} or more, or remove it")
    return given


def _baseline(section: Section, folder: Path, *, tracked: bool) -> dict[str, Path | MlflowRun]:
    """Read version -> baseline file, or the run of MLflow that holds it."""
    at = section.get(keys.BASELINE)
    if at is None:
        return {}
    if isinstance(at.node, Scalar) and not at.node.nothing:
        at.report("is a single value", f'say which version it is of: `baseline: {{"1": {at.node.text}}}`')
        return {}
    files: dict[str, Path | MlflowRun] = {}
    for version, value in entries(at):
        path = kinds.PATH.read(value)
        if not version.strip():
            value.report("the version is empty", "write the version that events carry")
        elif path is not None and path.startswith(RUN_PREFIX):
            run_id = RUN_ID.read(value)
            if not tracked:
                value.report("is a run of MLflow, and `mlflow` is missing", "add `mlflow: {tracking_uri: …}`")
            if run_id is not None:
                files[version] = MlflowRun(run_id)
        elif path is not None:
            files[version] = folder / path
    return files


def _segments(section: Section) -> dict[str, tuple[str, ...] | None] | None:
    """Read segment name -> fixed values, or None for those that come; None where something is wrong."""
    at = section.get(keys.SEGMENTS)
    if at is None:
        return {}
    before = len(at.problems)
    segments: dict[str, tuple[str, ...] | None] = {}
    if isinstance(at.node, Items):
        for item in items(at):
            name = kinds.TEXT.read(item)
            if name is not None:
                _check_name(name, item, segments)
                segments[name] = None
    else:
        for name, value in entries(at):
            _check_name(name, value, segments)
            segments[name] = _values(value)
    return segments if len(at.problems) == before else None


def _check_name(name: str, at: At, others: dict[str, tuple[str, ...] | None]) -> None:
    """Report a segment's name that would not be told apart."""
    if "=" in name or not name.strip():
        at.report(f"{shown(name)} cannot name a segment", "write a name without `=`")
    if name in others:
        at.report(f"{shown(name)} stands there twice", "keep one of the two")


def _values(at: At) -> tuple[str, ...] | None:
    """Read a segment's fixed values; None where it has none, or where they are wrong."""
    if isinstance(at.node, Scalar) and at.node.nothing:
        return None
    values = kinds.TEXTS.read(at)
    if values is not None and not values:
        at.report("no value is named", "name the values, or write `null` to take them as they come")
    if values is not None and len(set(values)) < len(values):
        at.report("a value stands there twice", "name each value once")
    return values


def _objectives(
    section: Section,
    classes: tuple[str, ...] | None,
    windows: tuple[Duration, ...] | None,
    segments: dict[str, tuple[str, ...] | None] | None,
    terms: Terms | None,
) -> tuple[Objective, ...]:
    """Read the objectives; their names are unique."""
    at = section.get(keys.OBJECTIVES)
    if at is None:
        return ()
    objectives: list[Objective] = []
    lines: dict[str, int] = {}
    for item in items(at):
        below = Section(item, keys.OBJECTIVE_TABLE, keys.TABLES)
        name = below.get(keys.OBJECTIVE_NAME)
        if name is not None and name in lines:
            finding = f"the name {shown(name)} stands in line {lines[name]} already"
            below.value(keys.OBJECTIVE_NAME).report(finding, "give every objective a name of its own")
        objective = read_objective(name, below, classes, windows, segments, terms)
        if name is not None:
            lines.setdefault(name, below.value(keys.OBJECTIVE_NAME).node.line)
        if objective is not None:
            objectives.append(objective)
    return tuple(objectives)
