"""Streaks: how many mature evaluations of each objective were WORSE, one after another, version by version."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec

from monitor.report.course import judged
from monitor.statistics.report import Maturity, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from monitor.config import ModelSettings
    from monitor.statistics.report import WindowResult

PART: Final = "worse"
"""Name of what `Streaks.packed` returns among the parts of a record."""


class Streaks:
    """Counts them from evaluation to evaluation."""

    def __init__(self, models: Mapping[str, ModelSettings]) -> None:
        """Begin with none."""
        self._models = models
        self._worse: dict[tuple[str, str], dict[str, int]] = {}

    def observe(self, results: Iterable[WindowResult]) -> None:
        """Take one evaluation: the results of all windows that were due.

        WORSE counts, OK ends a streak, and so does a window without predictions; UNKNOWN cannot tell and leaves it as
        it was.
        """
        before, self._worse = self._worse, {}
        for key, slo, verdict in verdicts(self._models, results):
            known = before.get(key, {}).get(slo, 0)
            streak = {Verdict.WORSE: known + 1, Verdict.UNKNOWN: known}.get(verdict, 0)
            if streak:
                self._worse.setdefault(key, {})[slo] = streak

    @property
    def worse(self) -> Mapping[tuple[str, str], Mapping[str, int]]:
        """(model, version) -> objective -> evaluations that were WORSE, one after another; those with any."""
        return {key: dict(streaks) for key, streaks in self._worse.items()}

    def as_of(self, results: Iterable[WindowResult]) -> Mapping[tuple[str, str], Mapping[str, int]]:
        """Return `worse` for who looks without evaluating: what is not WORSE or UNKNOWN any more has no streak."""
        found: dict[tuple[str, str], dict[str, int]] = {}
        for key, slo, verdict in verdicts(self._models, results):
            known = self._worse.get(key, {}).get(slo, 0)
            streak = {Verdict.WORSE: max(known, 1), Verdict.UNKNOWN: known}.get(verdict, 0)
            if streak:
                found.setdefault(key, {})[slo] = streak
        return found

    def packed(self) -> bytes:
        """Return them for the next record."""
        rows = [(*key, slo, n) for key, streaks in self._worse.items() for slo, n in streaks.items()]
        return msgspec.msgpack.encode(sorted(rows))

    def restore(self, packed: bytes) -> None:
        """Go on with what an earlier process packed last; what cannot be read, or is configured no more, is left."""
        with suppress(msgspec.MsgspecError):
            for model, version, slo, n in msgspec.msgpack.decode(packed, type=list[tuple[str, str, str, int]]):
                if model in self._models and any(one.name == slo for one in self._models[model].objectives):
                    self._worse.setdefault((model, version), {})[slo] = n


def verdicts(
    models: Mapping[str, ModelSettings], results: Iterable[WindowResult]
) -> Iterable[tuple[tuple[str, str], str, Verdict]]:
    """Yield ((model, version), objective, verdict) of each mature window that an objective is about and was judged."""
    for result in results:
        if result.maturity is Maturity.MATURE and result.model in models:
            for seen in judged(models[result.model], result):
                if seen.result.verdict is not None:
                    yield (result.model, result.version), seen.objective.name, seen.result.verdict
