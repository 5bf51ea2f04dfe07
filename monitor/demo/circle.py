"""The demo of re-validation: what happens in it and when, and the configuration that makes it happen by itself.

Production is healthy at first, then one digit is photographed badly for good. What follows is nobody's script: the
error budget is spent, a timer asks, runs begin, the gate judges, and production carries what was promoted.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from monitor.clock import HOUR, MINUTE
from monitor.config import Duration
from monitor.config.revalidation import (
    CommandAction,
    CrossvalAction,
    GateSettings,
    Revalidation,
    TrainingRows,
    Unless,
    When,
)
from monitor.demo import phases
from monitor.demo.phases import BEGIN, DAMAGED, MODEL
from monitor.report.snapshot import Announcement

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.config import Settings

RETRAINED: Final = "2"
"""The version that a retrained model brings."""
HEALTHY_HOURS: Final = 3
BUDGET: Final = 0.5
SECONDS: Final = 170.0
"""Of wall time that the story has where nobody says: within three minutes it is over or has failed."""
SPEED: Final = 900.0
"""An hour of the demo's time takes four seconds, a window eight; the runs take the time that they take."""
_LIMIT: Final = 2 * MINUTE


class Place:
    """Where the files of one demo lie."""

    def __init__(self, folder: Path) -> None:
        """Name the files; none is written."""
        self.folder = folder
        self.state = folder / "state"
        self.ledger = folder / "ledger.jsonl"
        self.training = folder / "train.csv"
        self.baselines = folder / "baselines"
        self.deployed = folder / "deployed"
        """The file that `on_promote` leaves: whoever deploys looks for it."""


def settings(listen: tuple[str, int], place: Place) -> Settings:
    """Return the configuration: the demo's, re-validated by what lies in `place`."""
    told = phases.settings(listen, None)
    revalidation = Revalidation(
        action=CrossvalAction(
            TrainingRows(file=place.training, pattern=str(place.training)),
            target="digit",
            estimator="monitor.demo.retraining:factory",
            scheme="stratified",
            folds=5,
            seed=1,
            time_limit=_LIMIT,
            version=RETRAINED,
        ),
        promote_to=place.baselines,
        when=When(budget_spent=BUDGET),
        unless=Unless(cool_down=Duration(0, "0s")),
        gate=GateSettings(yardstick="live"),
        on_promote=CommandAction(("touch", str(place.deployed)), time_limit=MINUTE),
    )
    model = replace(told.models[MODEL], revalidation=revalidation)
    return replace(told, models={MODEL: model}, store=place.state, ledger=place.ledger)


def phase_of(hour: int) -> int:
    """Return which of the demo's phases an hour belongs to: the first, and later the last for good."""
    return 0 if hour < HEALTHY_HOURS else len(phases.PHASES) - 1


def is_damaged(moment: int) -> bool:
    """Tell whether the digit is photographed badly at a moment."""
    return phase_of((moment - BEGIN) // HOUR) != 0


def headline(moment: int, *, carried: bool) -> Announcement:
    """Return the headline of a moment; `carried`: whether production carries the retrained model."""
    if carried:
        text = f"production carries version {RETRAINED}: its verdicts begin with its first events, and should be OK"
        return Announcement("Part 3 of 3: the retrained model", text)
    if is_damaged(moment):
        text = (
            f"digit {DAMAGED} is photographed badly from now on: its recall falls, its error budget is spent, and when "
            f"more than {BUDGET:g} of it is gone a re-validation begins by itself. The gate's yardstick is live: "
            "what is promoted may be no worse in any class than what production delivers now"
        )
        return Announcement("Part 2 of 3: damage", text)
    return Announcement("Part 1 of 3: healthy", phases.PHASES[0].announcement)
