"""From the records of kafka-python to columns: an object a message goes in, none comes out."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from monitor.sources.broker.client import Messages, Partition

if TYPE_CHECKING:
    from collections.abc import Sequence


def messages_of(partition: tuple[str, int], records: Sequence[Any], *, headers: bool) -> Messages:
    """Return the messages of one partition."""
    n = len(records)
    return Messages(
        Partition(*partition),
        np.fromiter(map(attrgetter("offset"), records), np.int64, n),
        np.fromiter(map(attrgetter("timestamp"), records), np.int64, n),
        list(map(attrgetter("key"), records)),
        list(map(attrgetter("value"), records)),
        [dict(record.headers) for record in records] if headers else (),
    )
