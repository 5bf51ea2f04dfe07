"""Every kind of action, in a world in which it can go well, go wrong, or never end: for tests/contracts.

A kind joins with a `World` and one line in WORLDS.
"""

from __future__ import annotations

import shlex
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

import numpy as np
import polars as pl

from monitor.baselines.columns import Reading
from monitor.baselines.file import document_bytes
from monitor.baselines.out_of_fold import build
from monitor.config.revalidation import CommandAction, CrossvalAction, TrainingRows
from monitor.revalidate.actions.action import Order
from monitor.revalidate.actions.made import action_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from monitor.revalidate.actions.action import Action

NO_LUCK = "no such luck today"
"""What a run that goes wrong says."""
LONG = 120_000
"""ms: a time limit that no test reaches."""


class World(Protocol):
    """Where one kind of action runs."""

    reads_result: bool
    """Whether it takes a file that somebody else wrote: `order.folder / RESULT`."""

    def good(self) -> Action:
        """One that succeeds with a candidate of the model and version of `order_in`."""
        ...

    def bad(self) -> Action:
        """One that fails because of NO_LUCK."""
        ...

    def endless(self, time_limit: int = LONG) -> Action:
        """One that says some progress and never ends by itself."""
        ...

    def idle(self, time_limit: int = LONG) -> Action:
        """One whose work ends well and writes no result (where `reads_result`)."""
        ...

    def begun(self) -> int:
        """How many things were begun in this world; of an order that came twice, one."""
        ...


RESULT = "result.json"


def order_in(folder: Path, **more: object) -> Order:
    """An order of this moment."""
    now = time.time_ns() // 1_000_000
    rest = {"candidate_version": "3", "started": now, "folder": folder, "positive": "leave", **more}
    return Order("0123456789abcdef", "churn", "3", **rest)


@lru_cache
def baseline_bytes(model: str = "churn", version: str = "3") -> bytes:
    """A baseline file of five folds."""
    rng = np.random.default_rng(7)
    true = rng.integers(0, 2, 500)
    seen = np.where(rng.random(500) < 0.8, true, 1 - true)
    names = np.array(["stay", "leave"])
    frame = pl.DataFrame({"fold": np.arange(500) % 5, "y_true": names[true], "y_pred": names[seen]})
    frame = frame.cast(pl.String)
    built = build(frame, model=model, version=version, place="folds", locate=str, reading=Reading())
    return document_bytes(built.baseline)


ESTIMATORS = """
import time
import numpy as np

class Fixed:
    def fit(self, x, y):
        self.classes_ = np.unique(y)
        return self
    def predict(self, x):
        print("what an estimator prints")
        return np.where(x["a"].to_numpy() > 0, "leave", "stay")

class Unlucky(Fixed):
    def fit(self, x, y):
        raise RuntimeError("no such luck today")

class Endless(Fixed):
    def fit(self, x, y):
        time.sleep(600)
"""


@dataclass
class CrossvalWorld:
    """Rows and estimators in a folder."""

    folder: Path
    reads_result: bool = False

    def __post_init__(self) -> None:
        rng = np.random.default_rng(7)
        a = rng.normal(size=120)
        y = np.where(a + rng.normal(size=120) > 0, "leave", "stay")
        pl.DataFrame({"a": a, "y": y}).write_csv(self.folder / "train.csv")
        (self.folder / "contract_estimators.py").write_text(ESTIMATORS)

    def made(self, estimator: str, **more: object) -> Action:
        path = self.folder / "train.csv"
        settings = {"folds": 3, "seed": 7, "jobs": 1, "time_limit": LONG, **more}
        data = TrainingRows(file=path, pattern=str(path))
        return action_of(CrossvalAction(data, "y", f"contract_estimators:{estimator}", **settings))

    def good(self) -> Action:
        return self.made("Fixed")

    def bad(self) -> Action:
        return self.made("Unlucky")

    def endless(self, time_limit: int = LONG) -> Action:
        return self.made("Endless", time_limit=time_limit)

    def idle(self, time_limit: int = LONG) -> Action:
        raise NotImplementedError

    def begun(self) -> int:
        return 1  # nothing outlives it, so nothing is begun twice


@dataclass
class CommandWorld:
    """Programs in a folder."""

    folder: Path
    reads_result: bool = True
    keys: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        (self.folder / "made.json").write_bytes(baseline_bytes())

    def made(self, script: str, time_limit: int = LONG) -> Action:
        noted = f"echo $FOLDWATCH_RUN >> keys; echo 'progress: it works'; {script}"
        return action_of(CommandAction(("sh", "-c", noted), self.folder / RESULT, time_limit))

    def good(self) -> Action:
        return self.made(f"cp made.json {RESULT}")

    def bad(self) -> Action:
        return self.made(f"echo {shlex.quote(NO_LUCK)} >&2; exit 3")

    def endless(self, time_limit: int = LONG) -> Action:
        return self.made("sleep 600 & sleep 600", time_limit)

    def idle(self, time_limit: int = LONG) -> Action:
        return self.made("true", time_limit)

    def begun(self) -> int:
        return len(set((self.folder / "keys").read_text().split()))


@contextmanager
def _crossval(folder: Path) -> Iterator[World]:
    yield CrossvalWorld(folder)


@contextmanager
def _command(folder: Path) -> Iterator[World]:
    yield CommandWorld(folder)


WORLDS: dict[str, Callable[[Path], AbstractContextManager[World]]] = {"crossval": _crossval, "command": _command}
"""Kind -> its world in an empty folder."""
