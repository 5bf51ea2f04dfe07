"""Where dead letters are kept, as the configuration says: in a topic, in a file, or nowhere."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.errors import InputError, Problem
from monitor.sources.broker.clients import open_client
from monitor.sources.broker.reach import names
from monitor.sources.dead_letters.file import DeadLetterFile, read_file
from monitor.sources.dead_letters.letters import each_once
from monitor.sources.dead_letters.topic import DeadLetterTopic, read_topic
from monitor.sources.dead_letters.way_back import ToFiles, ToTopics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from monitor.config import Settings
    from monitor.sources.dead_letters.letters import DeadLetters, Letter
    from monitor.sources.dead_letters.way_back import Return

__all__ = ["DeadLetterFile", "Kept", "kept_letters", "open_dead_letters"]


@dataclass(frozen=True, slots=True)
class Kept:
    """The dead letters of a configuration."""

    place: str
    """The topic with its broker, or the file."""
    letters: Iterator[Letter]
    """Each once. Reading them raises InputError where topic or file is not there."""
    way_back: Callable[[], Return]
    """Opens the way back to where they came from."""


def open_dead_letters(settings: Settings) -> DeadLetters | None:
    """Return what keeps rejected events; None: the configuration names no place, and they are counted alone.

    Raises InputError where a file cannot be written; a topic is looked for at the first letter.
    """
    kept = settings.source.dead_letters
    if kept.topic is not None and settings.source.kind == "kafka":
        return DeadLetterTopic(open_client(settings.source), kept.topic, settings.source)
    return None if kept.path is None else DeadLetterFile(kept.path)


@contextmanager
def kept_letters(settings: Settings) -> Iterator[Kept]:
    """Open the dead letters of a configuration for reading; the daemon that writes them is not disturbed.

    Raises InputError where the configuration names no place, SourceUnavailable where the broker is away.
    """
    source, place = settings.source, settings.source.dead_letters
    if source.kind == "kafka" and place.topic is not None:
        client = open_client(source)
        inputs = [each.topic for each in (source.predictions, source.labels) if each.topic is not None]
        try:
            yield Kept(
                f"{place.topic} on {names(source)}",
                each_once(read_topic(client, place.topic, source)),
                lambda: ToTopics(client, inputs, source),
            )
        finally:
            client.close()
    elif source.kind == "files" and place.path is not None:
        yield Kept(str(place.path), each_once(read_file(place.path)), ToFiles)
    else:
        key = "topic" if source.kind == "kafka" else "path"
        raise InputError(
            Problem(
                f"{settings.path or 'configuration'}: source.dead_letters.{key}",
                "is missing: rejected events are counted, not kept",
                f"name a {'topic' if key == 'topic' else 'file'} and restart `foldwatch run`",
            )
        )
