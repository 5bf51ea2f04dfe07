"""How re-validation of each model stands, for page, metrics and dashboards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.report.revalidating import Revalidating
from monitor.revalidate.decision import Verb
from monitor.revalidate.ledger.runs import WAITING
from monitor.statistics.fold_scores import fold_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.config.revalidation import Revalidation
    from monitor.revalidate.writing.writer import Asked, Writer
    from monitor.statistics.baseline import Baseline


def revalidating(writer: Writer) -> dict[str, Revalidating]:
    """Return model -> how it stands, of each model that is re-validated."""
    return {
        name: _of(writer, name, model.revalidation)
        for name, model in writer.settings.models.items()
        if model.revalidation is not None
    }


def _of(writer: Writer, model: str, revalidation: Revalidation) -> Revalidating:
    """Return how one model stands."""
    told, asked = writer.of(model), writer.asked.get(model)
    last, run = told.last, told.open
    lease = None if run is None else writer.leases.get(run.key)
    moved = told.moves[-1] if told.moves else None
    return Revalidating(
        model=model,
        asked_at=None if asked is None else asked.at,
        configured_at=writer.configured_at,
        decided_at=None if last is None else last.at,
        decision=None if last is None else last.decision.value,
        version=None if last is None else last.version,
        triggered=_triggered(asked) if last is None else last.triggered,
        held_back_by=() if asked is None else asked.held_back_by,
        reasons=(() if asked is None else asked.reasons) if last is None else last.reasons,
        run=None if run is None else run.key,
        open_since=None if run is None else run.started,
        time_limit=revalidation.action.time_limit,
        progress="" if lease is None else lease.progress,
        waits_for_approval=run is not None and run.verb is Verb.START and run.state == WAITING,
        failures=told.failures,
        promoted_at=None if moved is None else moved.at,
        baseline=None if moved is None else moved.after,
        ended=dict(told.ended),
        gate_passed=told.gate_passed,
        max_fold_sd=revalidation.gate.max_fold_sd,
        fold_sd={
            version: fold_sd(baseline)
            for (name, version), baseline in sorted(writer.baselines().items(), key=lambda one: one[0])
            if name == model
        },
    )


def fold_sd(baseline: Baseline) -> Mapping[str, float]:
    """Return class -> standard deviation (n - 1) of its F1 between the folds, of classes with two values at least."""
    values = fold_values(baseline.layout, [fold.counts for fold in baseline.folds])["f1"]
    found = {}
    for at, name in enumerate(baseline.classes):
        column = values[:, at]
        column = column[column == column]  # noqa: PLR0124 - NaN is undefined
        if len(column) > 1:
            found[name] = float(column.std(ddof=1))
    return found


def _triggered(asked: Asked | None) -> tuple[str, ...]:
    return () if asked is None else asked.triggered
