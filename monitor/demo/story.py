"""What each phase has shown, held against what it announced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.demo.phases import BEGIN, DAMAGED, PHASES, phase_at
from monitor.statistics.report import Maturity, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from monitor.demo.phases import Phase
    from monitor.statistics.report import WindowResult


class Story:
    """What each phase has shown so far: read from mature windows that lie in one phase altogether."""

    def __init__(self) -> None:
        """Begin with an untold story."""
        self._told: dict[str, str] = {}

    def listen(self, windows: Iterable[WindowResult]) -> None:
        """Take the windows of one report."""
        for window in windows:
            phase = _phase_of(window)
            if phase is not None:
                self._told[phase.name] = _outcome(phase, window)

    def is_told(self, phase: str, windows: Iterable[WindowResult]) -> bool:
        """Tell whether one of these windows is mature and lies in this phase altogether."""
        return any(found is not None and found.name == phase for found in map(_phase_of, windows))

    @property
    def outcomes(self) -> Mapping[str, str]:
        """Phase name -> `as told` or what was seen instead, in the order of the phases; absent: not reached."""
        return {phase.name: self._told[phase.name] for phase in PHASES if phase.name in self._told}

    @property
    def complete(self) -> bool:
        """Tell whether every phase was reached and showed what it announced."""
        return [*self.outcomes.values()] == [AS_TOLD] * len(PHASES)


AS_TOLD = "as announced"


def _phase_of(window: WindowResult) -> Phase | None:
    """Return the phase that a mature window lies in altogether."""
    first, last = phase_at(window.start), phase_at(window.end - 1)
    return first if window.maturity is Maturity.MATURE and window.start >= BEGIN and first is last else None


def _outcome(phase: Phase, window: WindowResult) -> str:
    """Compare a mature window of one phase with what the phase announced."""
    recall = {result.class_: result.verdict for result in window.metrics if result.metric == "recall"}
    worse = str(DAMAGED) if phase.name == "damage" else None
    unlike = [
        f"recall of {name} is {verdict}"
        for name, verdict in recall.items()
        if verdict is not (Verdict.WORSE if name == worse else Verdict.OK)
    ]
    if phase.name == "mix" and not any(line.startswith("precision") for line in mixed([window])):
        unlike.append("no precision says mix")
    return ", ".join(unlike) or AS_TOLD


def mixed(windows: Iterable[WindowResult]) -> list[str]:
    """Return, of mature windows, what moved with the mix of classes and stayed OK, a line each."""
    return [
        f"{result.metric} of {result.class_}: {result.verdict}, {result.reason}"
        for window in windows
        if window.maturity is Maturity.MATURE
        for result in window.metrics
        if result.verdict is Verdict.OK and "mix" in (result.reason or "")
    ]
