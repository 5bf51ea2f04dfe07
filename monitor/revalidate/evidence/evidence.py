"""Evidence: what speaks for and against a re-validation, gathered from a state and what was last seen of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from monitor.revalidate.decision import Evidence
from monitor.revalidate.evidence.production import in_production
from monitor.statistics.gates import GateState
from monitor.statistics.report import Maturity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.config import ModelSettings, Settings
    from monitor.state.state import State
    from monitor.statistics.baseline import Baseline
    from monitor.statistics.budget import Standing
    from monitor.statistics.inspection import Inspection
    from monitor.statistics.report import WindowResult


_LATENCY: Final = "latency"


@dataclass(frozen=True, slots=True)
class Seen:
    """What one evaluation said, as a daemon has it anyway."""

    as_of: int
    """Epoch ms."""
    results: Sequence[WindowResult] = ()
    standings: Sequence[Standing] = ()
    """Where each objective with a target stands."""
    worse: Mapping[tuple[str, str], Mapping[str, int]] = field(default_factory=dict)
    """(model, version) -> objective -> mature evaluations that were WORSE, one after another: `Streaks.worse`."""
    red: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Model -> its data gates that are bad, by name: `red_gates`."""


def red_gates(inspection: Inspection) -> dict[str, tuple[str, ...]]:
    """Return model -> the names of its data gates that are bad, of those with any.

    How fast a model answers says nothing of the data that it would be trained on.
    """
    red = {
        name: tuple(gate.name for gate in vitals.gates if gate.state is GateState.BAD and gate.name != _LATENCY)
        for name, vitals in inspection.models.items()
    }
    return {name: gates for name, gates in red.items() if gates}


def gather(
    settings: Settings, state: State, baselines: Mapping[tuple[str, str], Baseline], seen: Seen, now: int
) -> Mapping[str, Sequence[Evidence]]:
    """Return the evidence of each model that is re-validated: model -> of each version, the newest first.

    `baselines` are those in force; in their order a later one of a model is the newer. What is not known is no
    evidence. Drift is added by who looks for it. It reads `state` and changes nothing.
    """
    found: dict[str, Sequence[Evidence]] = {}
    for name, model in settings.models.items():
        if model.revalidation is not None:
            versions = in_production(state, model) or _with_baseline(baselines, model) or _to_come(model)
            found[name] = tuple(
                _evidence(model, version, state, baselines.get((name, version)), seen, newest=at == 0, now=now)
                for at, version in enumerate(versions)
            )
    return found


def _with_baseline(baselines: Mapping[tuple[str, str], Baseline], model: ModelSettings) -> list[str]:
    """Return the versions of a model with a baseline in force, the last one first."""
    return [version for name, version in reversed(list(baselines)) if name == model.name]


def _to_come(model: ModelSettings) -> list[str]:
    """Return the version that the action makes: there may be nothing else yet, and somebody asks for the first."""
    version = None if model.revalidation is None else model.revalidation.action.version
    return [] if version is None else [version]


def _evidence(
    model: ModelSettings, version: str, state: State, baseline: Baseline | None, seen: Seen, *, newest: bool, now: int
) -> Evidence:
    """Return what is known of one version."""
    return Evidence(
        model=model.name,
        version=version,
        as_of=min(seen.as_of, now),
        newest=newest,
        baseline=None if baseline is None else baseline.content_hash,
        baseline_written_at=None if baseline is None else baseline.written_at,
        spent=_spent(model, seen.standings) if newest else {},
        worse=dict(seen.worse.get((model.name, version), {})),
        labels=state.model(model.name).outcomes.matched,
        mature=mature_labels(model, version, seen.results),
        red_gates=seen.red.get(model.name, ()),
    )


def _spent(model: ModelSettings, standings: Sequence[Standing]) -> dict[str, float]:
    """Return objective -> the share of its error budget that is spent, of those that had events."""
    return {
        standing.slo: 1.0 - standing.budget_left
        for standing in standings
        if standing.model == model.name and standing.budget_left is not None
    }


def mature_labels(model: ModelSettings, version: str, results: Sequence[WindowResult]) -> dict[str, int]:
    """Return class -> mature labels of a version in the model's longest window; zeros where there is none."""
    longest = max(model.windows, key=lambda window: window.millis).text
    mature = dict.fromkeys(model.classes, 0)
    for result in results:
        of_all = (result.model, result.version, result.segment) == (model.name, version, None)
        if of_all and result.window == longest and result.maturity is Maturity.MATURE:
            cells, n = result.counts.sparse("confusion")
            true = np.bincount(cells // len(result.classes), n, len(result.classes))
            mature = dict(zip(result.classes, true.astype(np.int64).tolist(), strict=True))
    return mature
