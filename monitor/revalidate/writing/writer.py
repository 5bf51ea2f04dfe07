"""The one writer: what is decided goes into the ledger first, and takes effect then.

Whoever opens it repeats what a death left undone, so that ledger, pointer and baselines in force say the same.

The order of a promotion: the candidate's files, the entries (on the disk), the state's note of the ledger, the pointer,
the daemon's own baselines, the state's note that all of it was done.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import msgspec

from monitor.baselines import pointer
from monitor.baselines.in_force import as_configured, sources, stored
from monitor.clock import parse_time
from monitor.config.revalidation import plain
from monitor.errors import InputError, Problem
from monitor.revalidate.desk import Refused
from monitor.revalidate.ledger.entries import Known
from monitor.revalidate.ledger.ledger import Ledger
from monitor.revalidate.ledger.notes import notes_of
from monitor.revalidate.ledger.runs import Move, Told, after
from monitor.revalidate.writing.lease import Lease, Machine, holds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from monitor.clock import Clock
    from monitor.config import ModelSettings, Settings
    from monitor.config.revalidation import Revalidation
    from monitor.revalidate.ledger.entries import Entry
    from monitor.revalidate.ledger.notes import Notes
    from monitor.state.state import State
    from monitor.statistics.baseline import Baseline

    Baselines = Mapping[tuple[str, str], Baseline]
    Adopt = Callable[[str, str, Baseline | None], None]

_LEDGER: Final = "ledger"
_POINTED: Final = "pointed"
_LEASES: Final = "leases"
_ASKED: Final = "asked"
US: Final = "foldwatch"
"""Who asked for what nobody asked for: the configuration that was read, what was in force."""


class Noted(msgspec.Struct, frozen=True):
    """What the state keeps of ledgers."""

    last: str
    """Path of the one that was written last."""
    of: dict[str, Known]
    """Path -> number and hash of its last entry."""


class Asked(msgspec.Struct, frozen=True):
    """What the last question about a model came to. Moments are epoch ms."""

    at: int
    triggered: tuple[str, ...] = ()
    held_back_by: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


def known(notes: Notes, path: Path) -> Known | None:
    """Return what the state knows of a ledger; None of one at another place that was not begun yet."""
    noted = _noted(notes)
    if noted is None:
        return None
    if str(path.absolute()) in noted.of:
        return noted.of[str(path.absolute())]
    there = path.is_file() and path.stat().st_size > 0
    return noted.of.get(noted.last) if there else None


def open_ledger(settings: Settings, state: State, *, read_only: bool = False) -> Ledger | None:
    """Return the ledger of a configuration, held against what the state knows; None where none is configured.

    Raises InputError where it cannot be opened, StateInUse where another process has it.
    """
    path = settings.ledger
    return None if path is None else Ledger(path, known(notes_of(settings, state), path), read_only=read_only)


class Writer:
    """Ledger, pointer and notes of one configuration."""

    def __init__(
        self,
        settings: Settings,
        state: State,
        ledger: Ledger | None,
        clock: Clock,
        baselines: Callable[[], Baselines],
        adopt: Adopt,
        machine: Machine | None,
    ) -> None:
        """`machine`: where holders of leases can be looked for; None: nowhere."""
        self.settings: Final = settings
        self.state: Final = state
        self.ledger: Final = ledger
        self.baselines: Final = baselines
        self._notes: Final = notes_of(settings, state)
        self._clock, self._adopt, self._machine = clock, adopt, machine
        self.told: dict[str, Told] = {}
        self._configured: str | None = None
        self.configured_at: int | None = None
        """When the configuration was first read as it is; None where the ledger tells of none."""
        self._last: Entry | None = None
        for entry in () if ledger is None else ledger.entries():
            self._take(entry)
        self.leases: dict[str, Lease] = self._note(_LEASES, dict[str, Lease], {})
        self.asked: dict[str, Asked] = self._note(_ASKED, dict[str, Asked], {})
        self._settled = self._pointed = False

    def now(self) -> int:
        """Return the present."""
        return self._clock.now()

    def of(self, model: str) -> Told:
        """Return what the ledger tells of a model."""
        return self.told.get(model, Told())

    def model(self, name: str) -> tuple[ModelSettings, Revalidation]:
        """Return the settings of a model that is re-validated. Raises Refused where it is none."""
        one = self.settings.models.get(name)
        if one is None:
            message = f"there is no model `{name}`: the configuration has {', '.join(self.settings.models)}"
            raise Refused(message)
        if one.revalidation is None:
            message = f"`{name}` is not re-validated: write `revalidate:` below models.{name}"
            raise Refused(message)
        return one, one.revalidation

    def known(self) -> Known | None:
        """Return what the state knows of the ledger."""
        return None if self.ledger is None else known(self._notes, self.ledger.path)

    def in_force(self, model: str, version: str) -> str | None:
        """Return the content hash of the baseline in force."""
        baseline = self.baselines().get((model, version))
        return None if baseline is None else baseline.content_hash

    def write(self, by: str, *entries: tuple[str, Mapping[str, Any]]) -> Sequence[Entry]:
        """Add entries to the ledger; the state notes the last one. Raises InputError and StateBroken."""
        made = self._ledger().append(self.now(), by, *entries)
        for entry in made:
            self._take(entry)
        self._note_ledger()
        return made

    def move(self, model: str, move: Move) -> None:
        """Put in force what the ledger says: pointer, then whoever uses baselines, then the note that it is done."""
        self._pointed = False
        settings, revalidation = self.model(model)
        pointer.point(revalidation.promote_to, model, move.version, move.after)
        source = sources(self.settings, settings).get(move.version)
        baseline = None
        if source is not None:
            baseline = as_configured(stored(self.settings, source), settings, move.version, source)
        self._adopt(model, move.version, baseline)
        self._pointed = True
        self._notes.keep(_POINTED, str(move.number).encode())

    def settle(self) -> None:
        """Repeat what a death or a full disk left undone; note configuration and baselines that are new.

        Raises InputError where the ledger was tampered with. Where only reading is possible, nothing happens.
        """
        ledger = self._ledger()
        ledger.require_whole()
        if ledger.read_only or (self._settled and self._pointed):
            return
        self._finish_promotion()
        self._finish_move()
        if not self._settled:
            self._note_beginning()
            self._note_ledger()
        self._settled = True

    def taken(self, asker: str = "") -> set[str]:
        """Return the runs that somebody else than the asker works on."""
        now = self.now()
        return {
            run
            for run, lease in self.leases.items()
            if (not asker or lease.holder != asker) and holds(lease, now, self._machine)
        }

    def lease(self, run: str, lease: Lease | None) -> None:
        """Give a run to somebody, or with None to nobody; of runs that are over none is kept."""
        if lease is not None:
            self.leases[run] = lease
        else:
            self.leases.pop(run, None)
        open_ = {one.key for of in self.told.values() for one in of.runs if one.open}
        self.leases = {key: one for key, one in self.leases.items() if key in open_}
        self._notes.keep(_LEASES, msgspec.json.encode({key: asdict(one) for key, one in self.leases.items()}))

    def note_asked(self, model: str, asked: Asked) -> None:
        """Keep what the last question about a model came to."""
        self.asked[model] = asked
        self._notes.keep(_ASKED, msgspec.json.encode(self.asked))

    def entries_of(self, run: str) -> list[Entry]:
        """Return the decisions about a run, from the ledger."""
        return [entry for entry in self._ledger().entries() if entry["kind"] == "decision" and entry.get("run") == run]

    def _take(self, entry: Entry) -> None:
        """Take an entry that is on the disk."""
        self._last = entry
        if entry["kind"] == "config":
            self._configured, self.configured_at = entry.get("sha256"), parse_time(str(entry.get("at")))
        model = entry.get("model")
        if isinstance(model, str):
            self.told[model] = after(self.of(model), entry)

    def _finish_promotion(self) -> None:
        """Add the promotion that a death left out behind its decision: nothing else ever stands between them."""
        last = self._last
        if last is not None and last["kind"] == "decision" and last.get("promotes"):
            self.write(last["by"], ("promotion", last["promotes"]))

    def _finish_move(self) -> None:
        """Put in force what was promoted or rolled back last, where that was not seen to be done."""
        moves = [(model, move) for model, one in self.told.items() for move in one.moves]
        self._pointed = True
        if not moves:
            return
        model, move = max(moves, key=lambda one: one[1].number)
        done = self._notes.kept(_POINTED)
        if done is not None and int(done) >= move.number:
            return
        one = self.settings.models.get(model)
        if one is None or one.revalidation is None:
            return
        folder = one.revalidation.promote_to
        now = pointer.in_force(folder, model).get(move.version)
        there = move.after is None or pointer.path_of(folder, move.after).exists()
        if there and (now != move.after or self.in_force(model, move.version) != move.after):
            self.move(model, move)
        elif there:
            self._notes.keep(_POINTED, str(move.number).encode())

    def _note_beginning(self) -> None:
        """Write down the configuration, and each baseline in force that the ledger does not know."""
        entries: list[tuple[str, Mapping[str, Any]]] = []
        if self._configured != self.settings.sha256:
            models = {
                name: plain(model.revalidation)
                for name, model in self.settings.models.items()
                if model.revalidation is not None
            }
            entries.append(("config", {"sha256": self.settings.sha256, "revalidate": models}))
        for (model, version), baseline in self.baselines().items():
            if self.of(model).in_force.get(version) != baseline.content_hash:
                says = {"model": model, "version": version, "baseline": baseline.content_hash}
                entries.append(("baseline", says))
        if entries:
            self.write(US, *entries)

    def _note_ledger(self) -> None:
        """Keep number and hash of the last entry in the state."""
        ledger = self._ledger()
        path, noted = str(ledger.path.absolute()), _noted(self._notes)
        last = Known(ledger.number, ledger.hash)
        if noted is None or noted.last != path or noted.of.get(path) != last:
            of = {**({} if noted is None else noted.of), path: last}
            self._notes.keep(_LEDGER, msgspec.json.encode(Noted(path, of)))

    def _ledger(self) -> Ledger:
        """Return the ledger. Raises InputError where there is none."""
        if self.ledger is None:
            remedy = "write `revalidate:` below a model, or `ledger: {path: …}`"
            raise InputError(Problem(str(self.settings.path), "keeps no ledger: no model is re-validated", remedy))
        return self.ledger

    def _note(self, name: str, type_: Any, default: Any) -> Any:  # noqa: ANN401 - the type that is asked for
        """Return a note; the default where there is none or it cannot be read: it is a convenience, no truth."""
        content = self._notes.kept(name)
        try:
            return default if content is None else msgspec.json.decode(content, type=type_)
        except msgspec.MsgspecError:
            return default


def _noted(notes: Notes) -> Noted | None:
    """Return what the state keeps of ledgers; None where it keeps nothing that can be read."""
    note = notes.kept(_LEDGER)
    try:
        return None if note is None else msgspec.json.decode(note, type=Noted)
    except msgspec.MsgspecError:
        return None
