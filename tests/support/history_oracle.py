"""A brute-force reading of what events mean, over all raw events: slow, and independent of the product."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import NamedTuple


class Prediction(NamedTuple):
    id: str
    version: str
    at: int
    y_pred: str
    score: float | None
    region: str


class Label(NamedTuple):
    id: str
    at: int
    y_true: str | None


def winner(labels):
    """Latest labelled_at; same time: null first, then the larger text."""
    return max(labels, key=lambda label: (label.at, label.y_true is None, label.y_true or ""), default=None)


class World:
    """What is known when everything that arrived at or before a moment has been read."""

    def __init__(self, predictions, labels, as_of, correction_window, label_first_wait):
        self.as_of, self.cw, self.lfw = as_of, correction_window, label_first_wait
        self.arrived = [p for p in predictions if p.at <= as_of]
        self.labels = [label for label in labels if label.at <= as_of]
        self.identities = {}
        for p in sorted(self.arrived, key=lambda p: p.at):
            self.identities.setdefault((p.id, p.version), p)
        self.by_id = defaultdict(list)
        for label in self.labels:
            self.by_id[label.id].append(label)

    def belonging(self, p):
        return [label for label in self.by_id[p.id] if -self.lfw <= label.at - p.at <= self.cw]

    def class_of(self, p):
        found = winner(self.belonging(p))
        return found.y_true if found else None

    def confusion(self, start, end, version, region=None):
        counts = Counter()
        predictions = 0
        for p in self.identities.values():
            if start <= p.at < end and p.version == version and region in (None, p.region):
                predictions += 1
                y_true = self.class_of(p)
                if y_true is not None:
                    counts[y_true, p.y_pred] += 1
        return predictions, counts

    def scored(self, start, end, version):
        return [
            (y_true, p.score)
            for p in self.identities.values()
            if start <= p.at < end
            and p.version == version
            and (y_true := self.class_of(p)) is not None
            and p.score is not None
        ]

    def totals(self):
        matched = label_first = expired = 0
        for p in self.identities.values():
            moments = defaultdict(list)
            for label in self.belonging(p):
                moments[label.at].append(label)
            classes = [at for at, group in moments.items() if winner(group).y_true is not None]
            matched += bool(classes)
            label_first += bool(classes) and min(classes) < p.at
            expired += not classes and p.at + self.cw < self.as_of
        n = len(self.identities)
        return {
            "predictions": n,
            "matched": matched,
            "waiting": n - matched - expired,
            "expired": expired,
            "duplicate": len(self.arrived) - n,
            "label_first": label_first,
            "labels": len(self.labels),
        }
