"""What of a step a person should hear at once: a line of the log each."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from monitor.stream.loop import Step

LOG: Final = logging.getLogger("foldwatch")


def say(step: Step) -> None:
    """Log what the source had to say, and dead letters once per reason, with the first place."""
    for notice in step.notices:
        LOG.warning("source", extra={"notice": notice})
    for reason, n in Counter(letter.reason for letter in step.rejected).items():
        place = next(letter.place for letter in step.rejected if letter.reason == reason)
        LOG.warning("dead letters", extra={"reason": reason, "events": n, "first": place})
