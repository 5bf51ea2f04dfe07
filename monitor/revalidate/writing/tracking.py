"""What MLflow does not have yet, as the ledger tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from monitor.baselines import pointer
from monitor.clock import parse_time
from monitor.revalidate.decision import Verb
from monitor.revalidate.desk import Upload
from monitor.revalidate.ledger.runs import MLFLOW

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from monitor.revalidate.ledger.entries import Entry
    from monitor.revalidate.writing.writer import Writer

MOST: Final = 20
"""Of each model."""
_DECIDED: Final = frozenset({Verb.PROMOTED.value, Verb.REJECTED.value})


class _Due(NamedTuple):
    """Something that MLflow should have."""

    entry: Entry
    verb: str
    hash: str
    started: int


def uploads(writer: Writer) -> Sequence[Upload]:
    """Return what MLflow does not have yet, oldest first; at most the last 20 of each model. See `Desk.uploads`."""
    if writer.ledger is None:
        return ()
    due: dict[str, list[_Due]] = {}
    seen: dict[str, int] = {}
    for one in _due(writer):
        run, model = one.entry["run"], one.entry["model"]
        seen[run] = seen.get(run, 0) + 1
        if seen[run] > len(writer.of(model).uploaded.get(run, ())):
            due.setdefault(model, []).append(one)
    kept = [one for of in due.values() for one in of[-MOST:]]
    found = (_upload(writer, one) for one in sorted(kept, key=lambda one: int(one.entry["number"])))
    return [one for one in found if one is not None]


def uploaded(writer: Writer, run: str, mlflow_run: str, by: str) -> None:
    """Note that MLflow has a run, once. See `Desk.uploaded`."""
    for model, told in writer.told.items():
        one = told.run(run)
        if one is not None and mlflow_run not in told.uploaded.get(run, ()):
            writer.settle()
            says = {"model": model, "version": one.version, "run": run, "action": MLFLOW, "mlflow_run": mlflow_run}
            writer.write(by, ("action", says))
            return


def _due(writer: Writer) -> Iterator[_Due]:
    """Yield every decided run that has a candidate, and every rollback, in the order of the ledger."""
    for entry in () if writer.ledger is None else writer.ledger.entries():
        if entry["kind"] == "decision" and entry["decision"] in _DECIDED and entry["stored"]:
            started = parse_time(entry["run_started"] or entry["at"]) or 0
            yield _Due(entry, entry["decision"], entry["candidate"], started)
        elif entry["kind"] == "rollback" and entry["baseline_after"] is not None:
            yield _Due(entry, "rollback", entry["baseline_after"], parse_time(entry["at"]) or 0)


def _upload(writer: Writer, due: _Due) -> Upload | None:
    """Return it with its files; None where the baseline was pruned, or its model is not re-validated any more."""
    entry = due.entry
    model = writer.settings.models.get(entry["model"])
    if model is None or model.revalidation is None:
        return None
    path = pointer.path_of(model.revalidation.promote_to, due.hash)
    document = _content(path)
    if document is None:
        return None
    artifacts = {
        f"baseline{end}": content
        for end in pointer.BESIDE
        if (content := _content(path.with_name(path.name + end))) is not None
    }
    if entry["kind"] == "decision" and entry["gate"] is not None:
        artifacts["gate.json"] = msgspec.json.format(msgspec.json.encode(entry["gate"]), indent=1)
    return Upload(
        run=entry["run"],
        model=entry["model"],
        version=entry.get("candidate_version") or entry["version"],
        verb=due.verb,
        hash=due.hash,
        document=document,
        started=due.started,
        ended=parse_time(entry["at"]) or 0,
        artifacts=artifacts,
    )


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
