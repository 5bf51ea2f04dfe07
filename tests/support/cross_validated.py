"""Cross-validations drawn from known qualities, and production likewise: what the gate and the canary compare."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import fabricated
import numpy as np

from monitor.config import Objective
from monitor.config.revalidation import CommandAction, GateSettings, Revalidation
from monitor.counts import Counts
from monitor.statistics.baseline import Baseline, Fold

CLASSES = ("stay", "leave")


def gated(model, **gate):
    """Return the model with a gate of these settings."""
    action = CommandAction(("true",))
    return replace(model, revalidation=Revalidation(action, Path("baselines"), gate=GateSettings(**gate)))


def churn(classes=CLASSES, margin=0.03, objectives=(), segments=(), **gate):
    model = fabricated.model("churn", classes, ("24h",), margin=margin, objectives=objectives)
    return gated(replace(model, segments=dict.fromkeys(segments)), **gate)


def floor(target, metric="recall", class_="leave", **more):
    return Objective("floor", metric, class_, "24h", target=Decimal(target), kind="occurrences", **more)


def counted(model, confusion):
    return Counts.from_planes(model.layout, {"confusion": np.asarray(confusion, int)})


def drawn(model, rng, n, recall=0.85, shares=None):
    """Return counts of n labelled predictions."""
    return counted(model, fabricated.drawn(rng, len(model.classes), n, recall, shares))


def baseline(model, folds, *, version="3", hash_="a" * 64, segments=None, repeats=1):
    """Return a baseline of these fold counts, each fitted on the rows of the others."""
    total = sum(fold.labels for fold in folds) // repeats
    segments = segments or [{} for _ in folds]
    return Baseline(
        model.name, version, model.classes, model.layout, "stratified",
        tuple(
            Fold(str(j), 0, total - fold.labels, fold, segments=segments[j]) for j, fold in enumerate(folds)
        ), hash_, seed=7, repeats=repeats,
    )  # fmt: skip


def cross_validated(model, seed, n, recall=0.85, shares=None, *, folds=5, hash_=None, version="3", segments=()):
    """Return a cross-validation of n rows, drawn anew for every seed; `segments` share the rows evenly."""
    rng = np.random.default_rng(seed)
    hash_ = hash_ or f"{seed:064x}"
    if not segments:
        parts = [drawn(model, rng, n // folds, recall, shares) for _ in range(folds)]
        return baseline(model, parts, hash_=hash_, version=version)
    split = [
        {name: drawn(model, rng, n // folds // len(segments), recall, shares) for name in segments}
        for _ in range(folds)
    ]
    parts = [Counts.sum(model.layout, fold.values()) for fold in split]
    return baseline(model, parts, hash_=hash_, version=version, segments=split)
