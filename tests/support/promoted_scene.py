"""A re-validated model with fabricated baselines: two classes, folds of which a share is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.baselines.file import sealed
from monitor.config import load
from monitor.counts import Counts, Layout
from monitor.statistics.baseline import Baseline, Fold

if TYPE_CHECKING:
    from pathlib import Path

CLASSES = ("stay", "leave")
LAYOUT = Layout(2, 1)
CONFIGURATION = """
store: {{path: state}}
models:
  churn:
    classes: [stay, leave]
    positive: leave
    baseline: {{"3": first.json}}
    windows: [1h, 24h]
    label_horizon: 1h
    revalidate:
      when: {{{when}}}
      unless: {{{unless}}}
      action: {{kind: command, argv: ["true"], result: result.json{action}}}
      gate: {{{gate}}}
      promote_to: baselines
"""


def settings_in(
    folder: Path, *, when: str = "new_version: true", unless: str = "cool_down: 0s", gate: str = "", action: str = ""
):
    """Write the configuration into a folder and read it."""
    path = folder / "foldwatch.yaml"
    path.write_text(CONFIGURATION.format(when=when, unless=unless, gate=gate, action=action), encoding="utf-8")
    return load(path)


def fabricated(
    version: str, *, right: float = 0.9, rows: int = 2_000, seed: int = 1, model: str = "churn", classes=CLASSES
) -> Baseline:
    """Return a baseline of two folds in which a share of each class is right."""
    good = round(rows * right)
    cells = [[good, rows - good], [rows - good, good]]
    if len(classes) > 2:
        cells = [[*row, 0] for row in cells] + [[0, 0, good]]
    layout = LAYOUT if len(classes) == 2 else Layout(len(classes))
    planes = {
        "confusion": [n for row in cells for n in row],
        "predicted": [sum(column) for column in zip(*cells, strict=True)],
    }
    counts = Counts.from_planes(layout, planes)
    folds = tuple(Fold(str(i), 0, rows * 2, counts) for i in range(2))
    return sealed(Baseline(model, version, classes, layout, "stratified", folds, "", seed))
