"""The desk of whoever holds the state: the daemon, or the command itself where no daemon runs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from monitor.errors import StateBroken
from monitor.revalidate.desk import Ledgered, Look, Refused
from monitor.revalidate.evidence.production import in_production
from monitor.revalidate.evidence.sampling import sampled
from monitor.revalidate.gate.delivered import canary
from monitor.revalidate.ledger.runs import decision_of
from monitor.revalidate.writing import deciding, judging, promoting, tracking
from monitor.revalidate.writing.lease import here
from monitor.revalidate.writing.standing import revalidating
from monitor.revalidate.writing.writer import US, Writer
from monitor.stream.sampled import Samples

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from monitor.clock import Clock
    from monitor.config import Settings
    from monitor.report.revalidating import Revalidating
    from monitor.revalidate.decision import Decision
    from monitor.revalidate.desk import Ask, Ended, Progress, Result, Upload
    from monitor.revalidate.evidence.evidence import Seen
    from monitor.revalidate.ledger.ledger import Ledger
    from monitor.revalidate.writing.writer import Adopt, Baselines
    from monitor.state.state import State


LOG: Final = logging.getLogger("foldwatch")


class StateDesk:
    """Implements `Desk`. One thread at a time; whoever made the state and the ledger closes them."""

    def __init__(
        self,
        settings: Settings,
        state: State,
        ledger: Ledger | None,
        clock: Clock,
        *,
        see: Callable[[], Seen],
        baselines: Callable[[], Baselines],
        adopt: Adopt,
        same_machine: bool,
        samples: Callable[[], Samples] | None = None,
    ) -> None:
        """Open the desk: repeat what a death left undone, note configuration and baselines that are new.

        see: what the last evaluation said. baselines: those in force, as configured. adopt: takes a baseline (or none)
        of a version into use; `baselines` tells of it from then on. same_machine: whether holders of leases may be
        looked for among the processes here. samples: of features; None: those that the state notes.

        A ledger that was tampered with, that can only be read or not be written now is no fault here: whatever would
        write says so, and tries again. Raises InputError where `current.json` or what it names is damaged.
        """
        self._see, self._clock = see, clock
        self._samples = samples if samples is not None else lambda: Samples.restored(settings, state)
        self._writer = Writer(settings, state, ledger, clock, baselines, adopt, here() if same_machine else None)
        if ledger is not None and not ledger.read_only and not ledger.findings:
            try:
                self._writer.settle()
            except StateBroken as broken:
                LOG.warning("ledger not written", extra={"why": str(broken)})

    def settle(self) -> None:
        """Repeat what is left undone still, as every call that writes does. Raises InputError and StateBroken."""
        self._writer.settle()

    def looks(self, model: str) -> Sequence[Look]:
        """Return what is seen of each version of a model, newest first."""
        writer = self._writer
        _, revalidation = writer.model(model)
        evidence = deciding.evidence_of(writer, model, self._see())
        if revalidation.when.drift_share is None:
            return [Look(one) for one in evidence]
        samples, in_force = self._samples(), writer.baselines()
        return [
            Look(
                one,
                sampled(writer.settings, writer.state, samples, in_force.get((model, one.version)), model, one.version),
            )
            for one in evidence
        ]

    def decide(self, ask: Ask) -> Sequence[Decision]:
        """Decide for each version of a model, newest first."""
        return deciding.decide(self._writer, ask, self._see())

    def progress(self, progress: Progress) -> bool:
        """Renew a lease; return whether the run is still open and the holder's."""
        return deciding.progress(self._writer, progress)

    def hand_in(self, result: Result) -> Decision:
        """Let the gate judge a candidate, and follow it."""
        return judging.hand_in(self._writer, result, self._see)

    def end(self, ended: Ended) -> Decision:
        """End a run without a candidate."""
        return deciding.end(self._writer, ended)

    def approve(self, model: str, by: str) -> Decision:
        """Promote what waits for approval."""
        return promoting.approve(self._writer, model, by)

    def rollback(self, model: str, by: str) -> Decision:
        """Bring the previous baseline back."""
        return promoting.rollback(self._writer, model, by)

    def canary(self, model: str, candidate: str) -> Mapping[str, Any]:
        """Return how a version does against the one in force, on live counts."""
        one = self._writer.settings.models.get(model)
        if one is None:
            message = f"there is no model `{model}`: the configuration has {', '.join(self._writer.settings.models)}"
            raise Refused(message)
        versions = [name for of, name in self._writer.baselines() if of == model][::-1]
        known = list(dict.fromkeys((*in_production(self._writer.state, one), *versions)))
        return canary(one, candidate, self._see().results, known).document

    def ledger(self) -> Ledgered:
        """Return all entries, what the state knows of them, and what is wrong with them."""
        ledger = self._writer.ledger
        if ledger is None:
            return Ledgered()
        known = self._writer.known()
        return Ledgered(
            tuple(ledger.entries()),
            ledger.number if known is None else known.number,
            ledger.hash if known is None else known.hash,
            tuple(str(problem) for problem in ledger.findings),
        )

    def uploads(self) -> Sequence[Upload]:
        """Return what MLflow does not have yet, oldest first."""
        return tracking.uploads(self._writer)

    def uploaded(self, run: str, mlflow_run: str) -> None:
        """Note that MLflow has a run."""
        tracking.uploaded(self._writer, run, mlflow_run, US)

    def revalidating(self) -> Mapping[str, Revalidating]:
        """Return model -> how it stands: `Snapshot.revalidation`."""
        return revalidating(self._writer)

    def last_gates(self) -> Mapping[str, Decision]:
        """Return model -> the last decision that the gate had a say in, with all that it said."""
        found: dict[str, Decision] = {}
        for entry in () if self._writer.ledger is None else self._writer.ledger.entries():
            if entry["kind"] == "decision" and entry["gate"] is not None:
                found[entry["model"]] = decision_of(entry)
        return found
