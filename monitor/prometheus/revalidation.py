"""How re-validation stands, as samples: only of models that have one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.clock import SECOND
from monitor.prometheus import catalog
from monitor.report.revalidating import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from monitor.prometheus.measured import Sample
    from monitor.report.revalidating import Revalidating


def of_revalidation(models: Mapping[str, Revalidating]) -> Iterator[Sample]:
    """Yield what is known of each model's re-validation. Counters begin at zero, so that the first end is seen."""
    for name, found in models.items():
        model = {"model": name}
        for metric, moment in (
            (catalog.REVALIDATION_ASKED, found.configured_at if found.asked_at is None else found.asked_at),
            (catalog.REVALIDATION_OPEN, found.open_since),
            (catalog.REVALIDATION_LIMIT, found.time_limit),
            (catalog.PROMOTED, found.promoted_at),
        ):
            if moment is not None:
                yield metric, model, moment / SECOND
        yield catalog.REVALIDATION_WAITS, model, float(found.waits_for_approval)
        yield catalog.REVALIDATION_FAILURES, model, found.failures
        for outcome in OUTCOMES:
            yield catalog.REVALIDATIONS, {**model, "outcome": outcome}, found.ended.get(outcome, 0)
        if found.gate_passed is not None:
            yield catalog.GATE_PASSED, model, float(found.gate_passed)
        for version, classes in found.fold_sd.items():
            for class_, deviation in classes.items():
                yield catalog.FOLD_DEVIATION, {**model, "version": version, "class": class_}, deviation
        if found.max_fold_sd is not None:
            yield catalog.FOLD_DEVIATION_LIMIT, model, found.max_fold_sd
