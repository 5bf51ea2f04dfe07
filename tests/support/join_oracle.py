"""What the join must come to, found by looking at all events again for each: slow, and independent of monitor.join."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

NULL = -2
"""`y_true` of a label that retracts."""


@dataclass(frozen=True)
class P:
    """A prediction."""

    id: int
    version: int
    at: int
    y_pred: int
    segment: int
    score: float


@dataclass(frozen=True)
class L:
    """A label."""

    id: int
    at: int
    y_true: int


@dataclass(frozen=True)
class Law:
    """The durations; class texts are ranked as their indexes are."""

    correction: int
    first_wait: int


def belongs(label, prediction, law):
    return label.at - prediction.at <= law.correction and prediction.at - label.at <= law.first_wait


def rank(y_true):
    return 99 if y_true == NULL else y_true


def counting(events):
    """The prediction that counts, for each identity."""
    best = {}
    for event in events:
        if isinstance(event, P):
            key = (event.id, event.version)
            if key not in best or event.at < best[key].at:
                best[key] = event
    return best


def winners(labels):
    """The winning label of each moment, in order of time."""
    return [
        max((x for x in labels if x.at == at), key=lambda x: rank(x.y_true)) for at in sorted({x.at for x in labels})
    ]


def final(events, law):
    """Everything that must not depend on the order of reading."""
    predictions = counting(events)
    labels = [event for event in events if isinstance(event, L)]
    predicted, labelled, totals = Counter(), Counter(), Counter()
    for (owner, version), p in predictions.items():
        row = (version, p.segment, p.at, p.y_pred, p.score)
        predicted[row] += 1
        own = winners([x for x in labels if x.id == owner and belongs(x, p, law)])
        classes = [x for x in own if x.y_true != NULL]
        totals["predictions"] += 1
        totals["matched"] += bool(classes)
        totals["label_first"] += bool(classes) and classes[0].at < p.at
        if own and own[-1].y_true != NULL:
            labelled[(*row, own[-1].y_true, own[-1].at)] += 1
    totals["duplicate"] = sum(isinstance(event, P) for event in events) - totals["predictions"]
    totals["labels"] = len(labels)
    return predicted, labelled, {name: n for name, n in totals.items() if n}


def firsts(events, law):
    """The first class of each identity: (prediction, y_true, labelled_at), as known after the event that gave it."""
    found = {}
    for now in range(len(events)):
        known = events[: now + 1]
        for key, p in counting(known).items():
            own = winners([x for x in known if isinstance(x, L) and x.id == key[0] and belongs(x, p, law)])
            classes = [x for x in own if x.y_true != NULL]
            if classes and key not in found:
                found[key] = (p, classes[0].y_true, classes[0].at)
    return found


def outcomes(events, law):
    """What becomes of each label event, by the table of the contract, with everything known looked at again each
    time.
    """
    became: dict[int, str] = {}
    for now, event in enumerate(events):
        before = events[:now]
        known = counting(before)
        if isinstance(event, L):
            became[now] = _outcome_of(event, [(i, x) for i, x in enumerate(before) if isinstance(x, L)], known, law)
            continue
        grown = counting(events[: now + 1])
        if grown == known:
            continue
        mine = [(i, x) for i, x in enumerate(before) if isinstance(x, L) and x.id == event.id]
        joined = [(i, x) for i, x in mine if _owners(x, known, law)]
        for i, x in sorted(((i, x) for i, x in mine if became[i] == "labels_waiting"), key=lambda pair: pair[1].at):
            if belongs(x, event, law):
                near = [(j, y) for j, y in joined if belongs(y, event, law)]
                became[i] = _table(x, [y for _, y in near], "applied")
                # Whoever was read at that moment stands by it from now on.
                joined += [(j, y) for j, y in mine if y.at == x.at]
    return became


def _owners(label, known, law):
    return {key for key, p in known.items() if key[0] == label.id and belongs(label, p, law)}


def _outcome_of(label, labels, known, law):
    mine = [x for _, x in labels if x.id == label.id]
    owners = _owners(label, known, law)
    if owners:
        return _table(label, [x for x in mine if owners & _owners(x, known, law)], "applied")
    near = [x for x in mine if not _owners(x, known, law) and abs(x.at - label.at) <= law.first_wait]
    return _table(label, near, "labels_waiting")


def _table(new, known, applied):
    if not known:
        return "repeated" if new.y_true == NULL else applied
    last = winners(known)[-1]
    if (new.at, rank(new.y_true)) <= (last.at, rank(last.y_true)):
        return "repeated"
    if last.y_true == NULL:
        if new.y_true == NULL:
            return "repeated"
        ever = any(x.y_true != NULL for x in winners(known))
        return "corrected" if ever else applied
    if new.y_true == NULL:
        return "retracted"
    return "repeated" if new.y_true == last.y_true else "corrected"


def totals(events, law, passed):
    """All totals, as of `passed`."""
    _, _, found = final(events, law)
    became = outcomes(events, law)
    expired = 0
    labels = [event for event in events if isinstance(event, L)]
    for (owner, _), p in counting(events).items():
        own = winners([x for x in labels if x.id == owner and belongs(x, p, law)])
        expired += not any(x.y_true != NULL for x in own) and p.at + law.correction < passed
    orphan = sum(events[i].at + law.first_wait < passed for i, outcome in became.items() if outcome == "labels_waiting")
    count = Counter(became.values())
    count["orphan"] = orphan
    count["labels_waiting"] -= orphan
    count["expired"] = expired
    count["waiting"] = found.get("predictions", 0) - found.get("matched", 0) - expired
    count.update(found)
    return {name: n for name, n in count.items() if n}
