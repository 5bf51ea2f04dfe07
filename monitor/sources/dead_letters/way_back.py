"""The way back of dead letters that are valid now: to the topic, or the file, that each of them came from."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from monitor.errors import InputError, Problem
from monitor.sources.broker.client import Produced
from monitor.sources.broker.reach import names
from monitor.sources.dead_letters.topic import making

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.config import SourceSettings
    from monitor.sources.broker.client import Client
    from monitor.sources.dead_letters.letters import Letter

REPLAYED: Final = "foldwatch-replayed"
"""Header of a replayed message: the place of the event it repeats."""
_UNFINISHED_SECONDS: Final = 1.0
"""How long a writer has to end a line."""


class Return(Protocol):
    """Takes letters back to where they came from."""

    def send(self, origin: str, letters: Sequence[Letter]) -> None:
        """Write the events of these letters to a topic or file; returns when they are kept there."""
        ...


class ToTopics:
    """Produces each event again: same partition where it is still there, same key, same moment, and REPLAYED."""

    def __init__(self, client: Client, topics: Sequence[str], source: SourceSettings) -> None:
        """Ask for the partitions of `topics`. Raises InputError where one of them is not there."""
        self._client = client
        found = client.topics(topics)
        missing = [
            Problem(f"topic {name}", f"does not exist at {names(source)}", making(name, source))
            for name in topics
            if name not in found
        ]
        if missing:
            raise InputError(*missing)
        self._partitions = {name: frozenset(topic.partitions) for name, topic in found.items()}

    def send(self, origin: str, letters: Sequence[Letter]) -> None:
        """Write the events of these letters to a topic. Raises SourceUnavailable where the broker is away."""
        partitions = self._partitions[origin]
        messages = []
        for letter in letters:
            number = letter.place.rpartition("/")[0].rpartition("/")[2]
            partition = int(number) if number.isdecimal() and int(number) in partitions else None
            headers: Mapping[str, bytes] = {REPLAYED: letter.place.encode()}
            messages.append(Produced(letter.key, letter.value, headers, partition, letter.timestamp))
        self._client.produce(origin, messages)


class ToFiles:
    """Appends each event to the file as a line; others may be appending to it."""

    def send(self, origin: str, letters: Sequence[Letter]) -> None:
        """Write the events of these letters to a file. Raises OSError where that cannot be done."""
        path = Path(origin)
        with path.open("ab+", buffering=0) as file:
            lines = b"".join(letter.value + b"\n" for letter in letters)
            if not _ends_with_a_line(file.fileno()):
                lines = b"\n" + lines
            while lines:
                lines = lines[file.write(lines) :]


def _ends_with_a_line(file: int) -> bool:
    """Tell whether a file ends with a whole line; a writer that is in the middle of one gets time to end it."""
    deadline = time.monotonic() + _UNFINISHED_SECONDS
    while True:
        size = os.fstat(file).st_size
        if not size or os.pread(file, 1, size - 1) == b"\n":
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
