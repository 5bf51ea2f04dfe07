"""What `foldwatch revalidate` prints for people: a decision, an answer, an entry of the ledger, in words."""

from __future__ import annotations

import getpass
import os
import socket
import sys
import textwrap
from typing import TYPE_CHECKING, Any, Final

import msgspec

from monitor.report.comparison_table import canary_table, gate_table
from monitor.report.table import terminal
from monitor.revalidate.decision import Verb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from monitor.revalidate.decision import Decision

WIDTH: Final = 100
_VERBS: Final = {
    Verb.NONE: "nothing to do",
    Verb.START: "begun",
    Verb.PROMOTED: "promoted",
    Verb.REJECTED: "rejected, the old baseline stays in force",
    Verb.FAILED: "failed, the old baseline stays in force",
}
_TOLD_OF_ENTRIES: Final = (
    "model",
    "version",
    "action",
    "decision",
    "state",
    "run",
    "baseline",
    "baseline_before",
    "baseline_after",
    "triggered",
    "held_back_by",
    "reference",
    "sha256",
)
_HASH: Final = 64
_SHORT: Final = 12
"""Letters of a hash that a person reads."""


def asker() -> str:
    """Return who asks: user@host; a user without a name, as in a container, is told by number."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def say(text: str) -> None:
    """Print progress, one line, on stderr."""
    print(" ".join(text.splitlines()), file=sys.stderr, flush=True)


def as_bytes(document: Mapping[str, Any]) -> bytes:
    """Return JSON that a person can read."""
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"


def print_decision(decision: Decision, *, dry_run: bool = False, word: str | None = None) -> None:
    """Print one decision for a person, and what the gate compared. `word`: what was done, where that says it better."""
    print("\n".join(decision_lines(decision, dry_run=dry_run, word=word)), flush=True)
    if decision.gate:
        terminal().print(gate_table(decision.gate))


def print_canary(found: Mapping[str, Any]) -> None:
    """Print what one version is against another."""
    terminal().print(canary_table(found))
    for line in _wrapped("reason", tuple(found["reasons"])):
        print(line)


def decision_lines(decision: Decision, *, dry_run: bool = False, word: str | None = None) -> Iterator[str]:
    """Yield one decision as a block of lines."""
    yield f"{decision.model} {decision.version}: {word or _word(decision, dry_run=dry_run)}"
    if decision.triggered:
        yield f"  triggered     {', '.join(decision.triggered)}"
    if decision.held_back_by:
        yield f"  held back by  {', '.join(decision.held_back_by)}"
    yield from _wrapped("reason", decision.reasons)
    yield from _wrapped("warning", decision.warnings)
    before, after = short(decision.baseline_before), short(decision.baseline_after)
    yield f"  baseline      {before}" if before == after else f"  baseline      {before} -> {after}"
    if decision.run is not None:
        yield f"  run           {decision.run}"


def short(name: str | None) -> str:
    """Return the beginning of a hash."""
    return "none" if name is None else name[:_SHORT]


def entry_line(entry: Mapping[str, Any]) -> str:
    """Return one entry of the ledger on one line."""
    told = [
        f"{name.replace('_', ' ')} {_worth(entry[name])}"
        for name in _TOLD_OF_ENTRIES
        if entry.get(name) not in (None, [])
    ]
    head = f"{entry.get('number', '?'):>5}  {entry.get('at', '?')}  {entry.get('kind', '?'):<9}"
    return f"{head}  {'; '.join(told)}  ({entry.get('by', '?')})"


def _worth(value: object) -> str:
    """Return a value of an entry: lists with commas, and of a hash its beginning."""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return short(value) if isinstance(value, str) and len(value) == _HASH else str(value)


def _word(decision: Decision, *, dry_run: bool) -> str:
    """Return what was decided, in words."""
    if decision.decision is Verb.NONE and decision.held_back_by:
        return "held back"
    if decision.decision is Verb.START and decision.waits_for_approval:
        return f"waits for approval: foldwatch revalidate approve --model {decision.model}"
    if decision.decision is Verb.START and dry_run:
        return "would be started (--dry-run: nothing was written)"
    return _VERBS[decision.decision]


def _wrapped(name: str, sentences: tuple[str, ...]) -> Iterator[str]:
    """Yield sentences, each on lines of its own."""
    for sentence in sentences:
        yield from textwrap.wrap(
            sentence, WIDTH, initial_indent=f"  {name:<14}", subsequent_indent=" " * 16, break_long_words=False
        )
