"""`foldwatch dead-letters list`."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from rich.console import Console

from monitor.cli.options import moment
from monitor.cli.output import output
from monitor.clock import format_time
from monitor.config import load
from monitor.config.read import require_source
from monitor.errors import InputError, Problem
from monitor.sources.dead_letters.file import entry
from monitor.sources.dead_letters.kept import kept_letters
from monitor.sources.dead_letters.letters import FOREIGN
from monitor.sources.dead_letters.summary import chosen, summarize
from monitor.sources.decoding.reasons import REASONS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from monitor.sources.dead_letters.letters import Letter
    from monitor.sources.dead_letters.summary import OfReason

SCHEMA: Final = "foldwatch/dead-letters/1"
_NARROWEST: Final = 60
_HEX_BYTES: Final = 64


def list_letters(args: argparse.Namespace) -> int:
    """Print what was rejected, by reason."""
    settings = load(args.config)
    require_source(settings)
    wanted, since = wanted_reasons(args.reason), None if args.since is None else moment(args.since, "--since")
    with ExitStack() as stack:
        file = output(args.json, "--json", stack)
        kept = stack.enter_context(kept_letters(settings))
        stack.enter_context(Console(stderr=True).status("reading dead letters"))
        found = summarize(chosen(kept.letters, wanted, since), args.limit)
        if file is not None:
            file.write(as_json(kept.place, found))
            return 0
    width = max(_NARROWEST, shutil.get_terminal_size((120, 24)).columns)
    of_which = "".join((f" of reason {' or '.join(wanted)}" if wanted else "", f" since {args.since}" if since else ""))
    for line in as_text(kept.place, of_which, found, width):
        print(line)
    return 0


def wanted_reasons(given: Sequence[str]) -> tuple[str, ...]:
    """Return the reasons of `--reason`. Raises InputError with those that are none."""
    known = (*REASONS, FOREIGN)
    remedy = f"write one of: {', '.join(known)}"
    problems = [Problem("--reason", f"`{each}` is no reason", remedy) for each in given if each not in known]
    if problems:
        raise InputError(*problems)
    return tuple(dict.fromkeys(given))


def as_json(place: str, found: Sequence[OfReason]) -> bytes:
    """Return all of it as JSON; a letter as it is written in a file of dead letters."""
    import msgspec

    reasons = [
        {
            "reason": each.reason,
            "letters": each.letters,
            "oldest": None if each.oldest is None else format_time(each.oldest),
            "newest": None if each.newest is None else format_time(each.newest),
            "sample": [entry(letter) for letter in each.sample],
        }
        for each in found
    ]
    total = sum(each.letters for each in found)
    listed = {"schema": SCHEMA, "place": place, "letters": total, "reasons": reasons}
    return msgspec.json.format(msgspec.json.encode(listed), indent=2) + b"\n"


def as_text(place: str, of_which: str, found: Sequence[OfReason], width: int) -> Iterator[str]:
    """Yield the lines for a terminal of this width."""
    if not found:
        yield f"no dead letters{of_which} in {place}"
        return
    yield f"{counted(sum(each.letters for each in found))}{of_which} in {place}"
    yield ""
    names = max(len("reason"), *(len(each.reason) for each in found))
    yield f"{'reason':<{names}}  {'letters':>9}  {'newest':<24}  oldest"
    for each in found:
        yield f"{each.reason:<{names}}  {each.letters:>9,}  {_moment(each.newest):<24}  {_moment(each.oldest)}"
    for each in found:
        if each.sample:
            yield ""
            yield f"{each.reason}, the newest" + (f" of {each.letters:,}" if each.letters > len(each.sample) else "")
        for letter in each.sample:
            yield cut(f"  {_moment(letter.at)}  {plain(letter.place)}  {plain(letter.detail)}", width)
            yield cut(f"    {value_in_words(letter, width)}", width)


def counted(n: int) -> str:
    """Return how many dead letters, in words."""
    return "1 dead letter" if n == 1 else f"{n:,} dead letters"


def value_in_words(letter: Letter, width: int) -> str:
    """Return about the first `width` characters of an event: as text where it is UTF-8, else in hexadecimal."""
    if letter.truncated is not None:
        note = f"[{len(letter.value):,} of {letter.truncated:,} bytes] "
    else:
        note = f"[{len(letter.value):,} bytes] " if len(letter.value) > width else ""
    try:
        letter.value.decode()
    except UnicodeDecodeError:
        # What was cut within a character is text all the same.
        if letter.truncated is None:
            more = "…" if len(letter.value) > _HEX_BYTES else ""
            return f"{note}hex {letter.value[:_HEX_BYTES].hex(' ')}{more}"
    return note + (plain(letter.value[: 4 * width].decode(errors="ignore")) or "(nothing)")


def plain(text: str) -> str:
    """Return text for a terminal: whatever is not printable is written as an escape."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def cut(text: str, width: int) -> str:
    """Return text that is not longer than `width`."""
    return text if len(text) <= width else text[: width - 1] + "…"


def _moment(at: int | None) -> str:
    return "-" if at is None else format_time(at)
