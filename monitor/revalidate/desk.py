"""The desk: what `foldwatch revalidate` asks of whoever writes state, ledger and pointer.

`StateDesk` does it: inside the daemon, or in the command itself with the state's lock where no daemon runs.
`DaemonDesk` asks a daemon to do it. Every call is idempotent: who was killed asks again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence  # noqa: TC003 - msgspec reads the annotations
from dataclasses import dataclass, field
from typing import Any, Protocol

from monitor.errors import FoldwatchError
from monitor.revalidate.decision import Decision, Drift, Evidence  # noqa: TC001 - msgspec reads the annotations

LEASE_SECONDS = 90.0
"""How long a run belongs to who works on it, unless it is renewed, every third of it."""


class Refused(FoldwatchError):  # noqa: N818 - what the desk does, named as it is reported
    """The desk will not: no such model, nothing to approve, a run that is not open. The message says why."""


class DeskAway(FoldwatchError):  # noqa: N818 - the state of the world, named as it is reported
    """The daemon cannot be reached or is too busy now; asking again may work."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """What drift of one version is judged by; bounded, no id in it."""

    model: str
    version: str
    reference: bytes | None
    """`FILE.features.json` of the baseline in force; None: it has none."""
    rows: Sequence[Mapping[str, Any]] = ()
    """Sampled features: column -> number, text or None; with `(class)`, and `(segment) NAME` for each segment."""
    predicted: Mapping[str, int] = field(default_factory=dict)
    """Class -> predictions now."""
    promised: Mapping[str, int] = field(default_factory=dict)
    """Class -> predictions of the folds."""
    scores: Sequence[int] = ()
    """Score histogram now, of the positive class, or of all classes one behind the other; empty without scores."""
    promised_scores: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """One version in production, or with a baseline in force where there is none in production."""

    evidence: Evidence
    sampled: Sampled | None = None
    """Where `drift_share` is configured."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to decide."""

    model: str
    by: str
    """Who asks: user@host, a job's name."""
    holder: str = ""
    """`HOST/BOOT/PID/START`: who will work on it; see `lease.py`."""
    force: bool = False
    dry_run: bool = False
    drift: Mapping[str, Drift] = field(default_factory=dict)
    """Version -> what was found."""
    settled: tuple[str, ...] = ()
    """Versions that this command has decided already: they get no decision, and no run."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What an action comes back with."""

    document: bytes
    """The baseline file."""
    folds: str | None = None
    """FILE.folds.csv"""
    timings: bytes | None = None
    """FILE.timings.json"""
    features: bytes | None = None
    """FILE.features.json"""
    warnings: tuple[str, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Name -> SHA-256 of what went in: data, estimator, template, argv."""
    newest_row: int | None = None
    """When the newest row was observed, epoch ms; None: not known."""
    rows_since: Mapping[int, int] = field(default_factory=dict)
    """Hour (epoch ms) -> rows observed in it, of the last days: what overlaps with live windows."""


@dataclass(frozen=True, slots=True)
class Result:
    """A candidate, handed in for a run."""

    run: str
    by: str
    candidate: Candidate
    drift_html: bytes | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that ends without a candidate."""

    run: str
    by: str
    state: str
    """`failed`, `timed out`, `cancelled`, or `handed over`: done, and no result is expected."""
    reason: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Somebody works on a run: renews the lease, and tells how far it is."""

    run: str
    holder: str
    text: str = ""
    reference: str | None = None
    """What the action began elsewhere: a Job's name, a run's URL; the ledger keeps it once."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A decided run that MLflow does not have yet, or an alias that has to move."""

    run: str
    model: str
    version: str
    verb: str
    hash: str
    document: bytes
    started: int
    ended: int
    artifacts: Mapping[str, bytes] = field(default_factory=dict)
    """File name -> bytes: report of the gate, drift HTML, timings."""


@dataclass(frozen=True, slots=True)
class Ledgered:
    """The ledger as it is served."""

    entries: Sequence[Mapping[str, Any]] = ()
    number: int = 0
    """Of the last entry, as the state keeps it; 0: none."""
    hash: str = ""
    findings: Sequence[str] = ()
    """What `verify` said of the file where it lies, in words; empty: nothing is wrong."""


class Desk(Protocol):
    """See the module. Methods raise Refused, InputError, StateBroken, and of a daemon DeskAway."""

    def looks(self, model: str) -> Sequence[Look]:
        """Return what is seen of each version of a model, newest first. Changes nothing."""
        ...

    def decide(self, ask: Ask) -> Sequence[Decision]:
        """Decide for each version of a model, newest first; record it, unless `dry_run`. At most one is START.

        An open run that nobody works on any more is START again, with its old key: whoever asks goes on with it.
        """
        ...

    def progress(self, progress: Progress) -> bool:
        """Renew the lease; return whether the run is still open and the holder's."""
        ...

    def hand_in(self, result: Result) -> Decision:
        """Let the gate judge a candidate, promote or reject it; the same candidate again: the same decision."""
        ...

    def end(self, ended: Ended) -> Decision:
        """End a run without a candidate."""
        ...

    def approve(self, model: str, by: str) -> Decision:
        """Promote what waits for approval."""
        ...

    def rollback(self, model: str, by: str) -> Decision:
        """Bring the previous baseline back."""
        ...

    def canary(self, model: str, candidate: str) -> Mapping[str, Any]:
        """Return `canary.Canary.document`: the candidate version against the version in force, on live counts."""
        ...

    def ledger(self) -> Ledgered:
        """Return all entries."""
        ...

    def uploads(self) -> Sequence[Upload]:
        """Return what MLflow does not have yet, oldest first; at most the last 20 of each model."""
        ...

    def uploaded(self, run: str, mlflow_run: str) -> None:
        """Note that MLflow has it."""
        ...
