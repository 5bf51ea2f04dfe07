"""What is valid in a source, but will disappoint or harm: things that `check` warns of."""

from __future__ import annotations

from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.config.places import unreadable
from monitor.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.config.settings import Security, Settings

_IN_CLEAR = {
    "PLAIN": "the password crosses the network in clear",
    "OAUTHBEARER": "the token crosses the network in clear",
}


def doubts(settings: Settings) -> Iterator[Problem]:
    """Yield what a person should know of the source before `run` shows it."""
    source = settings.source
    if source.kind != "kafka":
        return
    file = str(settings.path or "configuration")
    if settings.store is None:
        lost = (
            "after a restart everything before is lost"
            if source.start == "latest"
            else "after a restart everything is read again from the beginning"
        )
        yield Problem(
            f"{file}: store", f"is missing, so the state is kept in memory: {lost}", "add `store: {path: state}`"
        )
    if source.dead_letters.topic is None:
        finding = "is missing, so rejected events are only counted: what they were is lost"
        remedy = "add `dead_letters: {topic: foldwatch-dead-letters}`"
        yield Problem(f"{file}: source.dead_letters.topic", finding, remedy)
    if source.client == "confluent" and find_spec("confluent_kafka") is None:
        yield Problem(
            f"{file}: source.client",
            "`confluent` is not installed here, and `run` will refuse to start",
            "pip install 'foldwatch[confluent]', or write `client: kafka-python`",
        )
    yield from _of_security(f"{file}: source.security", source.security)


def _of_security(place: str, security: Security) -> Iterator[Problem]:
    """Yield what is not encrypted, and the files that are not there."""
    if security.protocol == "SASL_PLAINTEXT":
        finding = _IN_CLEAR.get(security.mechanism or "", "nothing is encrypted but the password")
        yield Problem(
            f"{place}.protocol", f"SASL_PLAINTEXT: {finding}", "write `protocol: SASL_SSL` if the broker has it"
        )
    for field in fields(security):
        path = getattr(security, field.name)
        if isinstance(path, Path):
            finding = unreadable(path)
            if finding:
                yield Problem(f"{place}.{field.name}", f"{path} {finding}", "it has to be readable where `run` runs")
