"""Streaks: how many mature evaluations of each objective were WORSE, one after another, version by version.

With them is kept which data gates were red: what nobody reads afterwards is not missing in the data.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec

from monitor.report.course import judged
from monitor.statistics.inspection import NAMES
from monitor.statistics.report import Maturity, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from monitor.config import ModelSettings
    from monitor.statistics.report import WindowResult

PART: Final = "worse"
"""Name of what `Streaks.packed` returns among the parts of a record."""


class _Known(msgspec.Struct, frozen=True, array_like=True):
    """What a record keeps."""

    worse: list[tuple[str, str, str, int]]
    """Model, version, objective, evaluations."""
    red: dict[str, tuple[str, ...]]


class Streaks:
    """Counts them from evaluation to evaluation."""

    def __init__(self, models: Mapping[str, ModelSettings]) -> None:
        """Begin with none."""
        self._models = models
        self._worse: dict[tuple[str, str], dict[str, int]] = {}
        self._red: dict[str, tuple[str, ...]] = {}

    def observe(self, results: Sequence[WindowResult]) -> None:
        """Take one evaluation: the results of all windows that were due.

        WORSE counts, OK ends a streak, and so does a window without predictions; UNKNOWN cannot tell and leaves it as
        it was.
        """
        before, self._worse = self._worse, {}
        self._red = _red(results)
        for key, slo, verdict in verdicts(self._models, results):
            known = before.get(key, {}).get(slo, 0)
            streak = {Verdict.WORSE: known + 1, Verdict.UNKNOWN: known}.get(verdict, 0)
            if streak:
                self._worse.setdefault(key, {})[slo] = streak

    @property
    def worse(self) -> Mapping[tuple[str, str], Mapping[str, int]]:
        """(model, version) -> objective -> evaluations that were WORSE, one after another; those with any."""
        return {key: dict(streaks) for key, streaks in self._worse.items()}

    @property
    def red(self) -> Mapping[str, tuple[str, ...]]:
        """Model -> the data gates that were red in the last evaluation and that its windows rest on."""
        return self._red

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
        return msgspec.msgpack.encode(_Known(sorted(rows), dict(self._red)))

    def restore(self, packed: bytes) -> None:
        """Go on with what an earlier process packed last; what cannot be read, or is configured no more, is left."""
        with suppress(msgspec.MsgspecError):
            known = msgspec.msgpack.decode(packed, type=_Known)
            self._red = {model: gates for model, gates in known.red.items() if model in self._models}
            for model, version, slo, n in known.worse:
                if model in self._models and any(one.name == slo for one in self._models[model].objectives):
                    self._worse.setdefault((model, version), {})[slo] = n


def _red(results: Iterable[WindowResult]) -> dict[str, tuple[str, ...]]:
    """Return model -> the red data gates that any of its windows rests on, each once."""
    found: dict[str, dict[str, None]] = {}
    for result in results:
        if result.gates:
            found.setdefault(result.model, {}).update(dict.fromkeys(result.gates))
    return {model: tuple(name for name in NAMES if name in gates) for model, gates in found.items()}


def verdicts(
    models: Mapping[str, ModelSettings], results: Iterable[WindowResult]
) -> Iterable[tuple[tuple[str, str], str, Verdict]]:
    """Yield ((model, version), objective, verdict) of each mature window that an objective is about and was judged."""
    for result in results:
        if result.maturity is Maturity.MATURE and result.model in models:
            for seen in judged(models[result.model], result):
                if seen.result.verdict is not None:
                    yield (result.model, result.version), seen.objective.name, seen.result.verdict
