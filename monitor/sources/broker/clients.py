"""Which of the two Kafka clients is used: `source.client`."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from monitor.errors import InputError, Problem

if TYPE_CHECKING:
    from monitor.config import SourceSettings
    from monitor.sources.broker.client import Client

CLIENTS = ("kafka-python", "confluent")
"""What `source.client` may be."""


def open_client(source: SourceSettings) -> Client:
    """Return a client for `source`, which connects when it is first asked something.

    Raises InputError where its library is not installed or a file of `source.security` is missing or empty.
    """
    # Each library takes its memory and its time to import: only the one that is used is.
    if source.client == "confluent":
        try:
            from monitor.sources.broker.confluent import Confluent  # noqa: PLC0415 - see above
        except ImportError as wrong:
            remedy = "pip install 'foldwatch[confluent]', or leave source.client out"
            problem = Problem("source.client", "confluent needs the library confluent-kafka", remedy)
            raise InputError(problem) from wrong
        return Confluent(source)
    with warnings.catch_warnings():  # kafka-python reads files of its own in a way that Python 3.11 calls deprecated
        warnings.simplefilter("ignore", DeprecationWarning)
        from monitor.sources.broker.kafka import KafkaPython  # noqa: PLC0415 - see above

    return KafkaPython(source)
