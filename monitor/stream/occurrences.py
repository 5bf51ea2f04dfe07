"""What a batch adds to the counters of objectives of the kind `occurrences`: each labelled prediction once.

Every identity counts at its first class in the order of reading, with the prediction that counted then; corrections,
retractions and duplicates that come later change nothing. So these counters only ever grow. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitor.config.alert_keys import OCCURRENCES
from monitor.statistics.budget import Tally

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from monitor.config import ModelSettings, Objective
    from monitor.join.rows import Changes
    from monitor.join.vocabulary import Vocabulary
    from monitor.state.state import ObjectiveKey


def counted_objectives(settings: ModelSettings) -> tuple[Objective, ...]:
    """Return the objectives of a model that are counted here: those of occurrences with a target."""
    return tuple(one for one in settings.objectives if one.kind == OCCURRENCES and one.target is not None)


def occurrences(settings: ModelSettings, vocabulary: Vocabulary, first: Changes) -> Mapping[ObjectiveKey, Tally]:
    """Return what the first classes of a batch (n,) add to the counters, where that is anything.

    All versions count together; with `segment` the predictions of that value alone, `(other)` and `(none)` as the
    vocabulary has them. Raises ValueError for a metric that is no proportion of labelled predictions.
    """
    objectives = counted_objectives(settings) if len(first) else ()
    found: dict[ObjectiveKey, Tally] = {}
    for one in objectives:
        counts, bad = _events(one, settings.classes, first)
        if one.segment is not None:
            counts = counts & _inside(one.segment, vocabulary, first)
        tally = Tally(int(np.count_nonzero(counts)), int(np.count_nonzero(counts & bad)))
        if tally:
            found[settings.name, one.name] = tally
    return found


def _events(
    objective: Objective, classes: tuple[str, ...], first: Changes
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which predictions the metric divides by, (n,), and which of all are wrong in its eyes, (n,).

    Recall divides by the true members of the class, precision by the predicted ones, specificity by the true others,
    accuracy by all.
    """
    if objective.metric == "accuracy":
        return np.ones(len(first), np.bool_), first.y_true != first.y_pred
    if objective.class_ is not None:
        of_class = classes.index(objective.class_)
        true, said = first.y_true == of_class, first.y_pred == of_class
        match objective.metric:
            case "recall":
                return true, ~said
            case "precision":
                return said, ~true
            case "specificity":
                return ~true, said
    message = f"{objective.metric} of {objective.class_} counts no occurrences"
    raise ValueError(message)


def _inside(segment: str, vocabulary: Vocabulary, first: Changes) -> NDArray[np.bool_]:
    """Return which predictions are of a segment `name=value`, (n,): none, as long as nobody saw the value."""
    name, _, value = segment.partition("=")
    for at, (own, values) in enumerate(vocabulary.segments):
        if own == name and value in values:
            inside: NDArray[np.bool_] = first.segments[:, at] == values.index(value)
            return inside
    return np.zeros(len(first), np.bool_)
