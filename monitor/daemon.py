"""The daemon: the one loop, a timer that evaluates, and a server that shows the last Snapshot. It wires the parts."""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from monitor import __version__
from monitor.alerting.alarm import Alarm
from monitor.clock import HOUR, SECOND, format_time
from monitor.counts.slices import AgingSlices
from monitor.errors import SourceUnavailable, StateBroken
from monitor.prometheus.own import Meter
from monitor.report.history import History
from monitor.report.inspecting import PART as SAMPLES
from monitor.report.inspecting import Gates
from monitor.report.restored import Redrawn
from monitor.report.snapshot import Activity, Snapshot
from monitor.reporting import Reporter, promises_by_model
from monitor.revalidate.asking.living_desk import LivingDesk
from monitor.revalidate.evidence.streaks import PART as WORSE
from monitor.serve import Probes, Server, Taken
from monitor.serve.refusals import REASONS
from monitor.sources.certificates import Expiry
from monitor.state.history import Archive, Record
from monitor.state.memory import MemoryState
from monitor.statistics.doubts import marked
from monitor.statistics.fold_scores import FoldScores
from monitor.statistics.report import Report
from monitor.statistics.schedule import live_schedule
from monitor.stream import Halt, Stream, living, say, total

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence

    from monitor.clock import Clock
    from monitor.config import Settings
    from monitor.report.snapshot import Announcement
    from monitor.sources.source import Rejected, Source
    from monitor.state.state import State
    from monitor.statistics.baseline import Baseline
    from monitor.statistics.report import Totals, WindowResult
    from monitor.stream import Step

LOG: Final = logging.getLogger("foldwatch")
_IDLE_SECONDS: Final = 0.2
"""How long the loop rests when there is nothing to read."""
_SHOWN_SECONDS: Final = 1.0
"""Between evaluations the page and the metrics change at most so often."""
_SHOWN_ANYWAY_SECONDS: Final = 30.0
"""And at least so often: partitions wait, certificates are renewed, however long an evaluation is away."""
_STALLED_SECONDS: Final = 60.0
"""A loop that has not gone round for so long makes no progress."""


class Daemon:
    """Reads, evaluates every `evaluate_every` of wall time, and serves. One instance runs once."""

    def __init__(
        self,
        settings: Settings,
        source: Source,
        clock: Clock,
        baselines: Mapping[tuple[str, str], Baseline],
        *,
        state: State | None = None,
        bury: Callable[[Sequence[Rejected], int], None] | None = None,
        announce: Callable[[int], Announcement | None] | None = None,
        watch: Callable[[Snapshot], None] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Bind the address of the server; raises InputError when it cannot be had.

        `state` is closed in the end, as the source is; None: memory. `bury` keeps dead letters, with the moment they
        were rejected; `announce` tells the headline of a moment; `watch` sees every Snapshot that is published.
        """
        self._settings, self._source, self._clock, self._monotonic = settings, source, clock, monotonic
        self._announce, self._watch = announce, watch
        now = clock.now()
        self._state = MemoryState(settings.models) if state is None else state
        self._slices = AgingSlices.at(now, self._state.boundary())
        self._desk = LivingDesk(settings, self._state, clock, lambda: self._snapshot.baselines, self._adopt)
        self._stream = Stream(
            settings,
            source,
            self._state,
            self._slices,
            skip_old=True,
            bury=None if bury is None else lambda letters: bury(letters, clock.now()),
            samples=self._desk.samples,
        )
        self._reporter = Reporter(settings, self._state, promises_by_model(baselines))
        self._gates = Gates(settings, self._state)
        self._archive = Archive(self._state)
        self._history = History(settings)
        self._alarm = Alarm(settings, self._state, now)
        self._expiry = Expiry(settings.source.security, settings.server.tls)
        self._halt = Halt(settings.source.dead_letters.halt_share)
        self._meter = Meter(monotonic)
        self._snapshot = Snapshot(
            settings,
            __version__,
            now,
            baselines=baselines,
            folds={key: FoldScores.of(baseline) for key, baseline in baselines.items()},
            tallies=self._alarm.tallies,
            tls_expiry=self._expiry.at(now),
            operation=self._meter.read(source_up=False, refused=dict.fromkeys(REASONS, 0)),
        )
        self._trouble: str | None = "the source has not been read yet"
        self._last_round = monotonic()
        self._due = self._shown_at = self._last_round
        self._unshown = False
        probes = Probes(self._unhealthy, lambda: self._trouble)
        self.server: Final = Server(
            settings.server, probes, self._snapshot, taken=Taken(self._desk.inbox, settings.store)
        )

    def run(self, stop: threading.Event) -> None:
        """Loop until `stop` is set; then end within seconds, having closed everything.

        Raises StateBroken when the state cannot be written any more: nothing more is read then, and a restart goes on
        where the last commit was.
        """
        with self.server, ExitStack() as held:
            held.callback(self._state.close)
            held.callback(self._source.close)
            held.callback(self._desk.close)
            LOG.info("serving", extra={"url": self.server.url, "version": __version__})
            try:
                self._restore()
                self._desk.begin()
                self._loop(stop)
            except StateBroken as broken:
                self._trouble = str(broken)
                LOG.error("state broken", extra={"why": str(broken)})  # noqa: TRY400 - a full disk needs no traceback
                raise
        LOG.info("stopped")

    def _restore(self) -> None:
        """Go on with what an earlier process left: its minutes become hours, its plots and alerts come back."""
        begun, now = self._monotonic(), self._clock.now()
        self._stream.age(now)
        redrawn = Redrawn(self._history.wanted)
        parts: dict[str, list[tuple[int, bytes]]] = {name: [] for name in (*self._alarm.names, SAMPLES, WORSE)}
        since = None
        try:
            for record in self._archive.restore(now):
                since = record.as_of if since is None else since
                redrawn.add(record)
                for name, known in parts.items():
                    if name in record.parts:
                        known.append((record.as_of, record.parts[name]))
        except StateBroken as error:
            LOG.warning("history left out", extra={"why": str(error)})
            return
        self._history.restore(redrawn.tracks())
        self._alarm.restore(parts, now)
        self._desk.restore([part for _, part in parts[WORSE]])
        self._gates.restore(dict.fromkeys(part for _, part in parts[SAMPLES]))
        if since is not None:
            seconds = round(self._monotonic() - begun, 3)
            LOG.info("restored", extra={"since": format_time(since), "seconds": seconds})

    def _loop(self, stop: threading.Event) -> None:
        """Read, evaluate when it is time, answer who calls, and rest where there is nothing to read."""
        every = self._settings.evaluate_every.millis / SECOND
        self._due = self._monotonic()
        while not stop.is_set():
            self._last_round = self._monotonic()
            read = self._read()
            if self._monotonic() >= self._due:
                self._due += every
                self._evaluate()
                self._due = max(self._due, self._monotonic())
            elif self._monotonic() >= self._shown_at + (_SHOWN_SECONDS if self._unshown else _SHOWN_ANYWAY_SECONDS):
                self._show()
            called = self._desk.work()
            if called:
                self._snapshot = replace(self._snapshot, revalidation=self._desk.standing())
                self._unshown = True
            if not read and not called:
                stop.wait(min(_IDLE_SECONDS, max(0.0, self._due - self._monotonic())))

    def _read(self) -> int:
        """Take one step of the loop; return how many events it read."""
        if self._snapshot.halted:
            return 0
        try:
            with self._meter.step():
                step = self._stream.step()
        except SourceUnavailable as away:
            self._set_trouble(str(away))
            return 0
        self._set_trouble(None)
        self._reporter.apply(step.slices)
        self._gates.apply(step.slices)
        self._gates.note(step.read, step.behind, step.lag)
        self._learn(step)
        if self._halt.observe(step):
            self._stop_reading()
        return step.read

    def _adopt(self, model: str, version: str, baseline: Baseline | None) -> None:
        """Compare a version with another baseline from now on, or with None with none: the next evaluation is due."""
        self._reporter.adopt(model, version, baseline)
        self._snapshot = self._snapshot.with_baseline(model, version, baseline)
        self._due = self._monotonic()
        sha256 = "none" if baseline is None else baseline.content_hash
        LOG.info("baseline in force", extra={"model": model, "version": version, "sha256": sha256})

    def _learn(self, step: Step) -> None:
        """Keep what a step tells of the source."""
        say(step)
        now = self._clock.now()
        if step.committed:
            self._meter.committed(now)
        told = (step.read, step.lag, step.resets, step.notices)
        self._snapshot = replace(self._snapshot, reading=self._snapshot.reading.after(now, *told))

    def _stop_reading(self) -> None:
        """Halt: go on serving and being healthy, but read no more."""
        LOG.error("halted", extra={"why": self._halt.why})
        self._snapshot = replace(self._snapshot, halted=self._halt.why)
        self._show()

    def _evaluate(self) -> None:
        """Evaluate the windows that are due now and publish what they say."""
        begun, now = self._monotonic(), self._clock.now()
        self._slices = AgingSlices.at(now, self._slices.boundary)
        due = {
            name: live_schedule(
                [(window.text, window.millis) for window in model.windows],
                model.label_horizon.millis,
                now,
                self._slices.boundary,
            )
            for name, model in self._settings.models.items()
        }
        totals = self._state.totals()  # which visits every row: once an evaluation
        inspection = self._gates.inspect(now, self._slices.boundary, totals)
        results = marked(inspection, self._reporter.report(due))
        self._stream.age(now)
        self._history.add_all(results)
        self._alarm.observe(now, results)
        self._alarm.warn()
        self._snapshot = self._alarm.shown(self._snapshot)
        self._desk.observe(now, results, inspection, self._snapshot.objectives)
        self._record(now, results)
        self._meter.evaluated(self._monotonic() - begun, self._state.stored_bytes())
        whole = total(totals.values(), self._state.dead_letters(), self._state.skipped())
        self._publish(Report(now, tuple(results), whole, inspection), totals)
        seconds = self._monotonic() - begun
        LOG.info("evaluated", extra={"as_of": format_time(now), "windows": len(results), "seconds": round(seconds, 3)})

    def _record(self, now: int, results: Sequence[WindowResult]) -> None:
        """Keep what an evaluation said for whoever comes after this process."""
        plotted = [(window, self._history.plotted(window)) for window in results]
        # An hour keeps its last record alone, so each tells which alerts ended in its hour.
        since = now - now % HOUR
        parts = {**self._alarm.parts(since), SAMPLES: self._gates.packed(since), WORSE: self._desk.packed()}
        self._archive.append(Record.of(now, [(window, shown) for window, shown in plotted if shown], parts))

    def _publish(self, report: Report, totals: Mapping[str, Totals]) -> None:
        """Show a report from now on."""
        self._snapshot = replace(
            self._snapshot,
            report=report,
            revalidation=self._desk.standing(),
            history=self._history.view(),
            activity=self._activity(totals),
            announcement=self._announce(report.as_of) if self._announce else None,
        )
        self._show()
        if self._watch is not None:
            self._watch(self._snapshot)

    def _show(self) -> None:
        """Let the server show what is known now."""
        self._shown_at, self._unshown = self._monotonic(), False
        self._snapshot = replace(
            self._snapshot,
            tls_expiry=self._expiry.at(self._clock.now()),
            operation=self._meter.read(source_up=self._trouble is None, refused=self.server.refused()),
        )
        self.server.publish(self._snapshot)

    def _activity(self, totals: Mapping[str, Totals]) -> Mapping[str, Activity]:
        """Return what each model has received so far."""
        found = {}
        for name, versions in living(self._state, self._settings.models).items():
            known = self._state.model(name)
            found[name] = Activity(totals[name], versions, known.last_prediction, known.last_label)
        return found

    def _set_trouble(self, trouble: str | None) -> None:
        """Note why nothing is read, and say so when it changes."""
        if trouble == self._trouble:
            return
        self._trouble = trouble
        self._snapshot = replace(self._snapshot, reading=replace(self._snapshot.reading, trouble=trouble))
        self._unshown = True
        if trouble is None:
            LOG.info("reading")
        else:
            LOG.warning("not reading", extra={"why": trouble})

    def _unhealthy(self) -> str | None:
        """Return why our own loop makes no progress, or None."""
        silent = self._monotonic() - self._last_round
        limit = max(_STALLED_SECONDS, 3 * self._settings.evaluate_every.millis / SECOND)
        return f"the loop has not gone round for {silent:.0f} s" if silent > limit else None
