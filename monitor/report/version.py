"""One version of a model as the page sees it: its newest windows, its history, its objectives and its folds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.report.badges import seriousness, worst
from monitor.report.history import SeriesKey
from monitor.report.newest import WindowKey, newest
from monitor.statistics.report import Maturity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from monitor.config import ModelSettings, Objective
    from monitor.report.course import Course
    from monitor.report.history import Track
    from monitor.report.snapshot import Snapshot
    from monitor.statistics.baseline import Baseline
    from monitor.statistics.report import MetricResult, WindowResult

HEADLINE_OF_CLASSES: Final = ("recall", "precision", "f1")
HEADLINE_OF_MODELS: Final = ("accuracy", "macro_f1")
"""What a card shows before it is opened, objectives aside."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one model."""

    model: ModelSettings
    version: str
    windows: Mapping[WindowKey, WindowResult]
    """The newest window of each of its series."""
    history: Mapping[SeriesKey, Track]
    baseline: Baseline | None
    courses: Sequence[Course] = ()
    """What its objectives went through, where a history was replayed."""

    def window(self, text: str, maturity: Maturity, segment: str | None = None) -> WindowResult | None:
        """Return its newest window of a length (as configured); None if there is none yet."""
        return self.windows.get(WindowKey(self.model.name, self.version, segment, text, maturity))

    def headline(self, text: str, segment: str | None = None) -> WindowResult | None:
        """Return the newest mature window of a length, the newest provisional one as long as none is mature."""
        mature = self.window(text, Maturity.MATURE, segment)
        return mature or self.window(text, Maturity.PROVISIONAL, segment)

    def only_if(self, text: str, maturity: Maturity) -> str:
        """Return the class names under which the style sheet shows a part only while this maturity is chosen."""
        both = self.window(text, Maturity.MATURE) and self.window(text, Maturity.PROVISIONAL)
        return f"if-{maturity.value}" if both else f"if-{maturity.value} only"

    def lengths(self) -> list[str]:
        """Return the configured windows of which there is a report, in configured order."""
        return [window.text for window in self.model.windows if self.headline(window.text)]

    def segments(self, text: str, maturity: Maturity) -> list[WindowResult]:
        """Return its segments' newest windows of a length, by name."""
        found = [w for k, w in self.windows.items() if k.segment and (k.window, k.maturity) == (text, maturity)]
        return sorted(found, key=lambda window: window.segment or "")

    def first_length(self) -> str | None:
        """Return the window to show first: the first objective's, else the first with a mature report, else any."""
        lengths = self.lengths()
        wanted = [objective.window for objective in self.model.objectives if objective.window in lengths]
        mature = [text for text in lengths if self.window(text, Maturity.MATURE)]
        return next(iter((*wanted, *mature, *lengths)), None)

    def track(
        self, text: str, maturity: Maturity, metric: str, class_: str | None, segment: str | None = None
    ) -> Track:
        """Return a series' history, empty where there is none."""
        return self.history.get(SeriesKey(self.model.name, self.version, segment, text, maturity, metric, class_), ())

    def judged(self) -> list[tuple[Objective, WindowResult, MetricResult]]:
        """Return what each objective's newest window says, the most serious verdict first."""
        found = [
            (objective, window, result)
            for objective in self.model.objectives
            if (window := self.headline(objective.window, objective.segment))
            for result in window.metrics
            if (result.metric, result.class_) == (objective.metric, objective.class_)
        ]
        return sorted(found, key=lambda one: seriousness(one[2]))

    def leading(self, window: WindowResult, class_: str | None) -> list[MetricResult]:
        """Return the results by which a class (None: the whole model) is judged: its objectives', else the headline."""
        own = [result for result in window.metrics if result.class_ == class_]
        wanted = [o.metric for o in self.model.objectives if o.class_ == class_ and o.segment in (None, window.segment)]
        headline = HEADLINE_OF_MODELS if class_ is None else HEADLINE_OF_CLASSES
        return ordered(own, wanted or headline)

    def verdicts(self) -> list[MetricResult]:
        """Return the results that say how the version does: its objectives', else every class's leading ones."""
        if self.model.objectives:
            return [result for _, _, result in self.judged()]
        text = self.first_length()
        window = self.headline(text) if text else None
        if window is None:
            return []
        return [result for class_ in (None, *window.classes) for result in self.leading(window, class_)]

    def worst_of(self, window: WindowResult, class_: str | None) -> MetricResult | None:
        """Return the leading result of a class with the most serious verdict."""
        return worst(self.leading(window, class_))


def ordered(results: Iterable[MetricResult], metrics: Sequence[str]) -> list[MetricResult]:
    """Return the results of these metrics, in their order."""
    by_name = {result.metric: result for result in results}
    return [by_name[metric] for metric in dict.fromkeys(metrics) if metric in by_name]


def versions(snapshot: Snapshot) -> list[Version]:
    """Return every version of which the report knows something, by configured model and by version."""
    windows = newest(snapshot.report.windows if snapshot.report else ())
    found = []
    for name, model in snapshot.settings.models.items():
        own = {key: window for key, window in windows.items() if key.model == name}
        for version in sorted({key.version for key in own}):
            mine = {key: window for key, window in own.items() if key.version == version}
            courses = [course for course in snapshot.courses if (course.model, course.version) == (name, version)]
            baseline = snapshot.baselines.get((name, version))
            found += [Version(model, version, mine, snapshot.history, baseline, courses)]
    return found
