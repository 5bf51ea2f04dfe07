"""Course: what one objective went through in a replayed history: when it first turned WORSE, and how long that took."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from monitor.statistics.names import LOSSES
from monitor.statistics.report import Maturity, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from monitor.config import ModelSettings, Objective
    from monitor.statistics.report import MetricResult, WindowResult


@dataclass(frozen=True, slots=True)
class Course:
    """One objective of one version. Moments are epoch milliseconds; provisional windows count only as `last`."""

    model: str
    version: str
    objective: Objective
    windows: int = 0
    """Mature windows seen."""
    worse: int = 0
    unknown: int = 0
    """Mature windows with that verdict."""
    first_worse_at: int | None = None
    """`as_of` of the first mature window that was WORSE."""
    bad_since: int | None = None
    """End of the first window of the unbroken row of windows that lay beyond the margin and led to `first_worse_at`."""
    last: MetricResult | None = None
    """What the newest mature window said; the newest provisional one as long as none is mature."""
    last_end: int | None = None
    last_maturity: Maturity | None = None

    @property
    def delay(self) -> int | None:
        """Milliseconds from the first bad window's end to the moment the verdict said so; None if it never did."""
        if self.first_worse_at is None or self.bad_since is None:
            return None
        return self.first_worse_at - self.bad_since


@dataclass(frozen=True, slots=True)
class Judged:
    """What one window said about one objective."""

    objective: Objective
    window: WindowResult
    result: MetricResult


def judged(
    model: ModelSettings, window: WindowResult, of: Callable[[Objective], bool] = lambda _: True
) -> Iterator[Judged]:
    """Yield what a window says about each objective of its model, among those asked for, that is about its series."""
    for objective in model.objectives:
        if (objective.window, objective.segment) != (window.window, window.segment) or not of(objective):
            continue
        for result in window.metrics:
            if (result.metric, result.class_) == (objective.metric, objective.class_):
                yield Judged(objective, window, result)


class Courses:
    """Follows every objective through the windows of a backtest, in the order of the report."""

    def __init__(self, models: Mapping[str, ModelSettings]) -> None:
        """Begin before the first window."""
        self._models = models
        self._courses: dict[tuple[str, str, str], Course] = {}
        self._bad_since: dict[tuple[str, str, str], int] = {}

    def observe(self, window: WindowResult) -> None:
        """Take the next window."""
        for seen in judged(self._models[window.model], window):
            self._observe(seen.objective, window, seen.result)

    def _observe(self, objective: Objective, window: WindowResult, result: MetricResult) -> None:
        key = (window.model, window.version, objective.name)
        course = self._courses.get(key) or Course(window.model, window.version, objective)
        if window.maturity is Maturity.MATURE:
            bad_since = window.end
            if beyond_margin(result):
                bad_since = self._bad_since.setdefault(key, window.end)
            else:
                self._bad_since.pop(key, None)
            worse = result.verdict is Verdict.WORSE
            if worse and course.first_worse_at is None:
                course = replace(course, first_worse_at=window.as_of, bad_since=bad_since)
            course = replace(
                course,
                windows=course.windows + 1,
                worse=course.worse + worse,
                unknown=course.unknown + (result.verdict is Verdict.UNKNOWN),
            )
        elif course.last_maturity is Maturity.MATURE:
            return
        self._courses[key] = replace(course, last=result, last_end=window.end, last_maturity=window.maturity)

    @property
    def courses(self) -> Sequence[Course]:
        """Every course so far, by model, version and the order in which the objectives are configured."""
        order = {
            (model.name, objective.name): i
            for model in self._models.values()
            for i, objective in enumerate(model.objectives)
        }
        return sorted(
            self._courses.values(),
            key=lambda course: (course.model, course.version, order[course.model, course.objective.name]),
        )


def beyond_margin(result: MetricResult) -> bool:
    """Tell whether the value itself, whatever its band, lies further on the bad side of the promise than the margin."""
    if result.difference is None or result.margin is None:
        return False
    shortfall = result.difference if result.metric in LOSSES else -result.difference
    return shortfall > result.margin
