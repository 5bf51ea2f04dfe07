"""What librdkafka wants to be told, and how it is written with: all of it that needs no import of the library."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from monitor.config import SourceSettings
    from monitor.sources.broker.client import Produced
    from monitor.sources.broker.login import Login

FETCH: Final = {
    "auto.offset.reset": "error",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,  # only it tells that markers of transactions have been passed
    "isolation.level": "read_committed",
    "allow.auto.create.topics": False,
    # The broker gathers: at a thousand events a second a fetch for each of them would take three times the CPU.
    "fetch.min.bytes": 2**16,
    "fetch.wait.max.ms": 100,
    # These bound the memory of what is fetched ahead. A single message may be larger and is delivered still.
    "fetch.max.bytes": 2**24,
    "max.partition.fetch.bytes": 2**20,
    "queued.max.messages.kbytes": 2**14,
    "receive.message.max.bytes": 2**28,
    "max.poll.interval.ms": 86_400_000,
}
"""How messages are read."""


def options_of(source: SourceSettings, login: Login, token: Callable[[str], tuple[str, float]]) -> dict[str, object]:
    """Return how to connect and log in; `token` gives that of OAUTHBEARER, and until when it is good."""
    security = source.security
    wanted = {
        "bootstrap.servers": ",".join(source.bootstrap_servers),
        "client.id": "foldwatch",
        "log_level": 0,  # its errors are ours too, in better words
        "reconnect.backoff.max.ms": 1000,
        "security.protocol": security.protocol,
        "ssl.ca.location": security.ca_file,
        "ssl.certificate.location": security.cert_file,
        "ssl.key.location": security.key_file or security.cert_file,
        "ssl.key.password": login.key_password,
        "sasl.mechanisms": login.mechanism,
        "sasl.username": security.username if login.mechanism else None,
        "sasl.password": login.password,
        "oauth_cb": token if login.mechanism == "OAUTHBEARER" else None,
    }
    given = {key: value for key, value in wanted.items() if value is not None}
    return {key: str(value) if isinstance(value, Path) else value for key, value in given.items()}


def write(
    writer: Any,  # noqa: ANN401 - the library has no types
    topic: str,
    messages: Sequence[Produced],
    seconds: float,
    refused: Callable[[], bool],
) -> Any:  # noqa: ANN401 - the library has no types
    """Write messages and wait for the broker; returns the first error, None: all are written, or our login is refused.

    Raises TimeoutError where that takes more than `seconds`.
    """
    failed: list[Any] = []

    def delivered(error: Any, _message: object) -> None:  # noqa: ANN401 - the library has no types
        if error is not None:
            failed.append(error)

    until = time.monotonic() + seconds
    for each in messages:
        place = {"partition": each.partition} if each.partition is not None else {}
        moment = {"timestamp": each.timestamp} if each.timestamp is not None else {}
        headers = list(each.headers.items())
        while True:
            try:
                writer.produce(topic, each.value, each.key, headers=headers, on_delivery=delivered, **place, **moment)
                break
            except BufferError:  # the library's queue is full
                writer.poll(0.05)
                if time.monotonic() > until:
                    raise TimeoutError from None
    while len(writer) and not failed and not refused():
        writer.flush(0.1)
        if time.monotonic() > until:
            raise TimeoutError
    return failed[0] if failed else None
