"""Snapshot: everything that one moment shows, as one immutable value. The daemon swaps it, everybody else reads it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Protocol

from monitor.report.operation import Operation
from monitor.statistics.fold_scores import FoldScores
from monitor.statistics.report import Totals

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.config import Settings
    from monitor.report.course import Course
    from monitor.report.history import SeriesKey, Track
    from monitor.report.rehearsal import Rehearsed
    from monitor.report.revalidating import Revalidating
    from monitor.statistics.baseline import Baseline
    from monitor.statistics.budget import Standing, Tally
    from monitor.statistics.report import Report


_MOST_NOTICES: Final = 8
"""The last few things that the source had to say stay on the page."""


class AlertEntry(Protocol):
    """What the report shows of an alert: fields as in docs/reference/report.md. Moments are epoch milliseconds."""

    @property
    def alert(self) -> str:
        """The Prometheus alert's name."""
        ...

    @property
    def severity(self) -> str:
        """How loud: `page` or `ticket`."""
        ...

    @property
    def slo(self) -> str:
        """The objective's name."""
        ...

    @property
    def source(self) -> str:
        """What rang: `burn` or `verdict`."""
        ...

    @property
    def model(self) -> str:
        """Of which model."""
        ...

    @property
    def version(self) -> str:
        """Of which version."""
        ...

    @property
    def segment(self) -> str | None:
        """None for everything, or `name=value`."""
        ...

    @property
    def metric(self) -> str:
        """Of which metric."""
        ...

    @property
    def class_(self) -> str | None:
        """Of which class; None for a whole-model metric."""
        ...

    @property
    def at(self) -> int:
        """When it began."""
        ...

    @property
    def resolved_at(self) -> int | None:
        """When it ended; None as long as it lasts."""
        ...

    @property
    def reason(self) -> str:
        """Why, in words."""
        ...


@dataclass(frozen=True, slots=True)
class Activity:
    """What one model has received since the process started."""

    totals: Totals = field(default_factory=Totals)
    """The join's totals of this model alone; dead letters and skipped events belong to no model."""
    predictions: Mapping[str, int] = field(default_factory=dict)
    """version -> identities seen, which never falls; a version that is retired is in it no more."""
    last_prediction_at: int | None = None
    """Latest `predicted_at` read."""
    last_label_at: int | None = None
    """Latest `labelled_at` read."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How the source is being read, since the process started."""

    trouble: str | None = None
    """Why nothing is read at present, in words; None while events are read."""
    last_read_at: int | None = None
    """When events were last read: by the clock on the wall, not by the events' own."""
    lag: Mapping[str, int] = field(default_factory=dict)
    """Partition -> messages that wait there to be read, as last heard; where the source can tell."""
    resets: Mapping[str, int] = field(default_factory=dict)
    """Topic -> partitions that had to begin anew because what was to be read next was gone."""
    notices: Sequence[tuple[int, str]] = ()
    """(moment, what the source had to say), the last few, in time order."""

    def after(
        self, now: int, read: int, lag: Mapping[str, int], resets: Mapping[str, int], notices: Sequence[str]
    ) -> Reading:
        """Return how it is being read after a step that read so many events and told this."""
        return Reading(
            self.trouble,
            now if read else self.last_read_at,
            lag or self.lag,
            Counter(self.resets) + Counter(resets),
            (*self.notices, *((now, notice) for notice in notices))[-_MOST_NOTICES:],
        )


@dataclass(frozen=True, slots=True)
class Announcement:
    """A headline that a page or a terminal shows above everything: the demo's phase."""

    title: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment of a daemon, a demo or a finished backtest."""

    settings: Settings
    build: str
    """foldwatch's version."""
    started_at: int
    report: Report | None = None
    """None before the first evaluation."""
    history: Mapping[SeriesKey, Track] = field(default_factory=dict)
    """What `History.view` returned."""
    baselines: Mapping[tuple[str, str], Baseline] = field(default_factory=dict)
    """(model, version) -> the folds that it is compared with."""
    folds: Mapping[tuple[str, str], FoldScores] = field(default_factory=dict)
    """(model, version) -> what each of these folds says by itself: scored once for each baseline."""
    activity: Mapping[str, Activity] = field(default_factory=dict)
    """model -> what it received."""
    reading: Reading = field(default_factory=Reading)
    alerts: Sequence[AlertEntry] = ()
    """In time order."""
    shadow_alerts: Sequence[AlertEntry] = ()
    """What objectives in the shadow would have rung, in time order; none of them is in `alerts`."""
    objectives: Sequence[Standing] = ()
    """Where each objective with a target stands as of the report, in the order of the configuration."""
    tallies: Mapping[tuple[str, str], Tally] = field(default_factory=dict)
    """(model, objective) -> its counters; every objective with a target is in it from the start."""
    courses: Sequence[Course] = ()
    """What each objective went through, where a whole history was replayed."""
    rehearsed: Sequence[Rehearsed] = ()
    """What the alerts of each error budget would have done, where a whole history was replayed."""
    halted: str | None = None
    """Why reading stopped and how to go on; None while events are read."""
    announcement: Announcement | None = None
    tls_expiry: int | None = None
    """When the first of the configured certificates expires; None where none is configured or can be read."""
    operation: Operation = field(default_factory=Operation)
    """How the process itself fares."""
    revalidation: Mapping[str, Revalidating] = field(default_factory=dict)
    """model -> how its re-validation stands; the models that have one."""

    def with_baseline(self, model: str, version: str, baseline: Baseline | None) -> Snapshot:
        """Return it with another baseline in force for a version; None: with none."""
        baselines = {key: one for key, one in self.baselines.items() if key != (model, version) or baseline is not None}
        folds = {key: one for key, one in self.folds.items() if key in baselines}
        if baseline is not None:
            baselines[model, version], folds[model, version] = baseline, FoldScores.of(baseline)
        return replace(self, baselines=baselines, folds=folds)

    @property
    def totals(self) -> Totals:
        """What became of every event as of the report; zeros before the first one."""
        return self.report.totals if self.report else Totals()
