"""What the demo of re-validation prints: each step as it happens, and what the circle came to."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from monitor.cli.revalidate_show import decision_lines
from monitor.clock import format_time
from monitor.demo import circle
from monitor.demo.phases import DAMAGED, VERSION
from monitor.report.table import live
from monitor.revalidate.decision import Decision, Verb
from monitor.statistics.report import Maturity, Verdict

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from monitor.demo.timer import Timer
    from monitor.report.snapshot import Announcement, Snapshot
    from monitor.statistics.report import WindowResult

STEPS: Final = ("healthy", "damage", "rejected", "promoted", "carried", "closed")
_NOT_REACHED: Final = "not reached"
_MOST_REASONS: Final = 3


class CircleShow:
    """Watches the story; sets `stop` when it is over."""

    def __init__(self, console: Console, stop: threading.Event, ends_at: float) -> None:
        """`ends_at`: of the monotonic clock."""
        self._console, self._stop, self._ends_at = console, stop, ends_at
        self._timer: Timer | None = None
        self._steps: dict[str, str] = {}
        self._announced = ""

    @property
    def closed(self) -> bool:
        """Whether every step was seen, the last one included."""
        return set(self._steps) == set(STEPS)

    def follow(self, timer: Timer) -> None:
        """Start this timer with the first evaluation, and look what it does."""
        self._timer = timer

    def announcement(self, moment: int) -> Announcement:
        """Return the headline of a moment, for terminal and page."""
        return circle.headline(moment, carried="carried" in self._steps)

    def watch(self, snapshot: Snapshot) -> None:
        """Look at one evaluation."""
        if snapshot.report is None:
            return
        if self._timer is not None and not self._timer.started:
            self._timer.start()
        headline = self.announcement(snapshot.report.as_of)
        if headline.title != self._announced:
            self._announced = headline.title
            self._console.print(f"\n[bold]{headline.title}[/bold]\n{headline.text}")
        for step, told in self._seen(snapshot.report.windows):
            if step not in self._steps:
                self._steps[step] = told
                self._console.print(live(replace(snapshot, announcement=None)))
        if self.closed or time.monotonic() > self._ends_at:
            self._stop.set()

    def told(self, what: str | Decision) -> None:
        """Show a decision, or what somebody did."""
        if isinstance(what, Decision):
            lines = decision_lines(_briefly(what))
            if what.decision in {Verb.REJECTED, Verb.PROMOTED}:
                self._steps.setdefault(what.decision.value, what.reasons[0] if what.reasons else "")
            self._console.print("\n" + "\n".join(lines), markup=False)
            return
        if self._timer is not None and self._timer.deployed_at is not None:
            since = format_time(self._timer.deployed_at)
            self._steps["carried"] = f"production carries version {circle.RETRAINED} since {since}, of the demo's time"
        self._console.print(what, markup=False)

    def progress(self, text: str) -> None:
        """Show how far the work is."""
        self._console.print(f"  {text}", markup=False)

    def broken(self, why: str) -> None:
        """End the story where it cannot go on."""
        self._console.print(why, markup=False)
        self._stop.set()

    def summary(self) -> Iterator[str]:
        """Yield what each step came to."""
        yield ""
        for step in STEPS:
            yield f"{step:<9} {self._steps.get(step, _NOT_REACHED)}"

    def _seen(self, windows: Sequence[WindowResult]) -> Iterator[tuple[str, str]]:
        """Yield the steps that these windows show."""
        for window in windows:
            recall = {one.class_: one.verdict for one in window.metrics if one.metric == "recall"}
            if window.maturity is not Maturity.MATURE or not recall:
                continue
            fine = all(verdict is Verdict.OK for verdict in recall.values())
            if window.version == VERSION and fine and not circle.is_damaged(window.end - 1):
                yield "healthy", "the recall of every digit is OK"
            if window.version == VERSION and recall.get(str(DAMAGED)) is Verdict.WORSE:
                yield "damage", f"the recall of {DAMAGED} is WORSE than its folds promised"
            if window.version == circle.RETRAINED and fine and "carried" in self._steps:
                yield "closed", f"the recall of every digit is OK again, of version {circle.RETRAINED}"


def _briefly(decision: Decision) -> Decision:
    """Return a decision with the first of its sentences: the ledger and the page have them all."""
    more = len(decision.reasons) + len(decision.warnings) - _MOST_REASONS
    reasons = decision.reasons[:_MOST_REASONS]
    if more > 0:
        reasons = (*reasons, f"{more} more sentences are in the ledger")
    return replace(decision, reasons=reasons, warnings=())
