"""Whether a configuration still fits what is stored: the setup of each model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from monitor.clock import format_duration
from monitor.counts.layout import Layout
from monitor.errors import Problem
from monitor.join.rules import Rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from monitor.config import ModelSettings


class Setup(msgspec.Struct, frozen=True, array_like=True):
    """What the rows and counts of a model rest on: with another setup they would mean something else."""

    classes: tuple[str, ...]
    positive: int
    segments: tuple[tuple[str, tuple[str, ...] | None], ...]
    correction_window: int
    label_first_wait: int

    @classmethod
    def of(cls, model: ModelSettings) -> Setup:
        """Return the setup of a configured model."""
        return cls(
            model.classes,
            model.layout.positive,
            tuple(model.segments.items()),
            model.correction_window.millis,
            model.label_first_wait.millis,
        )

    @property
    def layout(self) -> Layout:
        """Where its counts lie."""
        return Layout(len(self.classes), self.positive)

    @property
    def rules(self) -> Rules:
        """What belongs together."""
        return Rules.of(self.classes, self.correction_window, self.label_first_wait)


def misfits(stored: Mapping[str, Setup], configured: Mapping[str, Setup], store: str) -> list[Problem]:
    """Return what in the configuration does not go with a store.

    Belonging was decided under the stored durations, and codes stand for the stored classes and segments: going on
    under others would count some events by one rule and some by another, and nobody could tell which. A model that the
    store does not know begins, one that is configured no longer stays as it is.
    """
    return [
        Problem(
            f"models.{name}.{key}",
            f"the store {store} was written with {before}, and now it is {now}",
            f"put it back, or move {store} away and read everything again from the start: that gives the numbers under "
            "the new configuration",
        )
        for name, setup in configured.items()
        if name in stored
        for key, before, now in _differences(stored[name], setup)
    ]


def _differences(stored: Setup, configured: Setup) -> Iterator[tuple[str, str, str]]:
    """Yield (key, what it was, what it is)."""
    if stored.classes != configured.classes:
        yield "classes", _listed(stored.classes), _listed(configured.classes)
    elif stored.positive != configured.positive:
        yield "positive", stored.classes[stored.positive], configured.classes[configured.positive]
    if stored.segments != configured.segments:
        yield "segments", _segments(stored), _segments(configured)
    for key in ("correction_window", "label_first_wait"):
        before, now = getattr(stored, key), getattr(configured, key)
        if before != now:
            yield key, format_duration(before), format_duration(now)


def _segments(setup: Setup) -> str:
    """Return segments as they are configured."""
    return _listed(tuple(name if values is None else f"{name}: {_listed(values)}" for name, values in setup.segments))


def _listed(texts: tuple[str, ...]) -> str:
    """Return a list as it is configured."""
    return f"[{', '.join(texts)}]"
