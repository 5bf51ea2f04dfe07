"""The demo's story: its model, its three phases, and how fast its time runs."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from monitor.clock import HOUR, MINUTE, SECOND
from monitor.config import Duration, ModelSettings, Objective, ServerSettings, Settings
from monitor.counts import Layout
from monitor.report.snapshot import Announcement

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

MODEL, VERSION = "digits", "1"
CLASSES = tuple(map(str, range(10)))
DAMAGED = 8
"""The digit that is photographed badly in the third phase."""
BEGIN = 1_767_225_600_000
"""2026-01-01T00:00:00Z: the demo's first moment, a full hour."""
PHASE_HOURS = 5
WINDOW = Duration(2 * HOUR, "2h")
HORIZON = Duration(30 * MINUTE, "30m")
PER_HOUR = 3_600
"""Predictions in an hour of the demo's time."""
MARGIN = 0.1
"""A class has about 125 rows in the folds: their corridor alone reaches 0.02 to 0.08 to either side, so a margin of
0.03 could hardly ever be decided, however many labels production brings."""
PHASE_SECONDS = 30
"""Of wall time, where nobody says how long the demo may take."""
SEED = 20260101
_EVEN = np.full(10, 0.1)
_SHIFTED = np.array([0.07, 0.16, 0.13, 0.09, 0.07, 0.16, 0.07, 0.07, 0.13, 0.05])


class Phase(NamedTuple):
    """One act of the demo."""

    name: str
    announcement: str
    shares: NDArray[np.float64]
    """Class shares of production, (10,)."""


PHASES = (
    Phase("healthy", "production is what the folds have seen: every verdict should be OK", _EVEN),
    Phase(
        "mix",
        "the mix of classes shifts: precision moves, but the model is not to blame, the verdicts stay OK and say mix",
        _SHIFTED,
    ),
    Phase(
        "damage",
        f"digit {DAMAGED} is photographed badly: its recall falls, WORSE for {DAMAGED}, OK for the others",
        _EVEN,
    ),
)


def settings(listen: tuple[str, int], seconds: float | None) -> Settings:
    """Return the configuration that the demo runs with: one objective on the recall of each digit.

    It evaluates every second, and more often where the whole story has to be told in fewer than a minute.
    """
    objectives = tuple(
        Objective(f"recall-{name}", "recall", name, WINDOW.text, margin=MARGIN, target=Decimal("0.9"))
        for name in CLASSES
    )
    model = ModelSettings(
        name=MODEL,
        classes=CLASSES,
        layout=Layout(len(CLASSES)),
        windows=(WINDOW,),
        label_horizon=HORIZON,
        correction_window=Duration(HORIZON.millis + WINDOW.millis, "150m"),
        label_first_wait=HORIZON,
        margin=MARGIN,
        owner="the demo",
        objectives=objectives,
    )
    return Settings({MODEL: model}, server=ServerSettings(listen), evaluate_every=_often(seconds))


def _often(seconds: float | None) -> Duration:
    """Return how often to look, so that no phase passes unseen."""
    millis = SECOND if seconds is None else min(SECOND, max(50, int(seconds * SECOND / 60)))
    return Duration(millis, f"{millis} ms" if millis % SECOND else f"{millis // SECOND}s")


def phase_at(moment: int) -> Phase:
    """Return the phase that a moment of the demo's time lies in."""
    return PHASES[(moment - BEGIN) // HOUR // PHASE_HOURS % len(PHASES)]


def announcement(moment: int) -> Announcement:
    """Return the headline of a moment."""
    phase = phase_at(moment)
    number = PHASES.index(phase) + 1
    return Announcement(
        f"Phase {number} of {len(PHASES)}: {phase.name}",
        f"{phase.announcement}. Margin {MARGIN:g}: a class has some 125 rows in the folds, and their corridor alone "
        "reaches 0.02 to 0.08 to either side: for a margin of 0.03 no number of labels would be enough.",
    )


def speed(seconds: float | None) -> float:
    """Return how fast time must run for all phases to be told in so many seconds; None: at leisure, again and again."""
    if seconds is None:
        return PHASE_HOURS * HOUR / (PHASE_SECONDS * SECOND)
    return (_LENGTH + MINUTE * 15) / (max(seconds, 1.0) * SECOND)


_LENGTH = len(PHASES) * PHASE_HOURS * HOUR + HORIZON.millis


def is_last_told(moment: int) -> bool:
    """Tell whether the last phase is over; its labels may still be on their way."""
    return moment - BEGIN >= len(PHASES) * PHASE_HOURS * HOUR


def is_over(moment: int) -> bool:
    """Tell whether every phase has been told once, the labels of the last one included."""
    return moment - BEGIN >= _LENGTH


class AcceleratedClock:
    """Demo time: `speed` milliseconds pass for one of the wall's."""

    def __init__(self, speed: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Start now, at BEGIN."""
        self.speed, self._monotonic, self._begun = speed, monotonic, monotonic()

    def now(self) -> int:
        """Return the demo's present in epoch milliseconds."""
        return BEGIN + int((self._monotonic() - self._begun) * SECOND * self.speed)
