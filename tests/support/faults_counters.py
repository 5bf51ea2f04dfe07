"""What objectives of occurrences must have counted, read by hand: each identity once, at its first class.

Of an id the predictions are in one partition and the labels in another, so that it is only between the two that the
order of reading varies. For each identity every such order is looked at.
"""

from __future__ import annotations

import json
import re

from faults_events import OBJECTIVES, ORDERLY
from history_oracle import winner

from monitor.statistics.budget import Tally

_SERIES = re.compile(
    r'^foldwatch_slo_(events|bad_events|skipped)_total{model="(.*)",slo="(.*)"} ([0-9.]+)$', re.MULTILINE
)
_ENOUGH = 15
"""Labelled predictions of the orderly model, at least: fewer would prove little."""


def with_objectives(models):
    """The configuration of models, with OBJECTIVES."""
    written = []
    for line in models.splitlines():
        written.append(line)
        if line.startswith("  ") and line.endswith(":") and not line.startswith("   "):
            written.append("    objectives:")
            written += [f"      - {_objective(one)}" for one in OBJECTIVES if one[0] == line.strip(" :")]
    return "\n".join(written) + "\n"


def _objective(one):
    _, name, metric, class_, segment = one
    keys = {"name": name, "metric": metric, "class": class_, "segment": segment, "window": "60d"}
    keys |= {"kind": "occurrences", "target": 0.95}
    return json.dumps({key: value for key, value in keys.items() if value is not None}, ensure_ascii=False)


def bounds_of(model, world):
    """(model, objective) -> the least and the most (events, bad)."""
    wanted = [one for one in OBJECTIVES if one[0] == model]
    sums = {one[:2]: [0, 0, 0, 0] for one in wanted}
    reigns = {}
    for p in world.arrived:
        own = reigns.setdefault((p.id, p.version), [])
        if not own or p.at < own[-1].at:
            own.append(p)
    for own in reigns.values():
        firsts = {(p.y_pred, p.region, y_true) for p in own for y_true in _firsts(world.belonging(p))}
        perhaps = [] if _has_class(world.belonging(own[-1])) else [(0, 0)]
        for one in wanted:
            seen = [_counts(one, *first) for first in firsts] + perhaps
            for at, (bound, column) in enumerate(((min, 0), (min, 1), (max, 0), (max, 1))):
                sums[one[:2]][at] += bound(row[column] for row in seen)
    return {key: (tuple(found[:2]), tuple(found[2:])) for key, found in sums.items()}


def _has_class(labels):
    return bool(_classes(labels))


def _classes(labels):
    """What the moments of labels say, in order of time, nulls left out."""
    moments = [winner([label for label in labels if label.at == at]) for at in sorted({label.at for label in labels})]
    return [label.y_true for label in moments if label.y_true is not None]


def _firsts(labels):
    """The classes that may be the first: so many labels are read when the prediction is, the others one by one."""
    read = [_classes(labels[:n]) for n in range(1, len(labels) + 1)]
    return {classes[0] for classes in read if classes}


def _counts(objective, y_pred, region, y_true):
    """(whether it counts, whether it is bad)."""
    _, _, metric, class_, segment = objective
    if segment not in {None, f"region={region}"}:
        return 0, 0
    if metric == "accuracy":
        return 1, int(y_pred != y_true)
    is_class, said = y_true == class_, y_pred == class_
    counts = {"recall": is_class, "precision": said, "specificity": not is_class}[metric]
    return int(counts), int(counts and is_class != said)


def exported(metrics):
    """(model, objective) -> counters, as a scrape shows them."""
    found = {}
    for what, model, name, value in _SERIES.findall(metrics):
        found.setdefault((model, name), {})[what] = int(float(value))
    return {key: Tally(one["events"], one["bad_events"], one["skipped"]) for key, one in found.items()}


def are_counted(counters, truth):
    """What a state counted for objectives: what some order of reading gives."""
    assert counters.keys() <= truth.keys()
    for (model, name), (least, most) in truth.items():
        found = counters.get((model, name))
        events, bad, skipped = (found.events, found.bad, found.skipped) if found else (0, 0, 0)
        assert least[0] <= events <= most[0], (model, name, events, least, most)
        assert least[1] <= bad <= most[1], (model, name, bad, least, most)
        assert skipped == 0


def are_certain(truth):
    """Of the orderly model every order of reading gives the same, and not too little."""
    for (model, name), (least, most) in truth.items():
        assert least == most or model != ORDERLY, (model, name, least, most)
    assert truth[ORDERLY, "accuracy"][0][0] >= _ENOUGH, truth
