"""How the source is being read, in words: what waits, when events were last read, what was lost."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from monitor.report import words
from monitor.report.markup import Markup, tag

if TYPE_CHECKING:
    from monitor.report.snapshot import Reading


def away(reading: Reading) -> Markup | None:
    """Return why nothing is read at present; None while events are read."""
    if reading.trouble is None:
        return None
    return tag(
        "section",
        tag("h2", "Nothing is being read"),
        tag("p", reading.trouble),
        tag("p", "foldwatch keeps trying and goes on by itself; what is below grows older until then.", class_="note"),
        class_="halted",
        role="alert",
    )


def source(reading: Reading) -> Markup | None:
    """Return the section of the source; None where nothing is known of one, as in a backtest."""
    if reading.last_read_at is None and not (reading.lag or reading.resets or reading.notices):
        return None
    facts = (f"Events were last read {words.moment(reading.last_read_at)}", waiting(reading))
    notices = [tag("li", tag("b", words.moment(at)), " ", text) for at, text in reversed(reading.notices)]
    return tag(
        "section",
        tag("h2", "Source", id="source"),
        tag("p", " · ".join(filter(None, facts)), class_="folds"),
        *(tag("p", _anew(topic, n), class_="folds missing") for topic, n in sorted(reading.resets.items()) if n),
        tag("ul", *notices, class_="notices") if notices else None,
        class_="source",
        aria_labelledby="source",
    )


def waiting(reading: Reading) -> str:
    """Return how many messages wait to be read, in all and by topic; nothing where the source cannot tell."""
    if not reading.lag:
        return ""
    topics: Counter[str] = Counter()
    for partition, lag in reading.lag.items():
        topics[partition.rpartition("/")[0] or partition] += lag
    total = topics.total()
    if not total:
        return "no message waits to be read"
    parts = ", ".join(f"{topic} {words.count(n)}" for topic, n in sorted(topics.items()))
    return f"{words.count(total)} messages wait to be read ({parts})"


def _anew(topic: str, partitions: int) -> str:
    """Say what a reset means for the numbers."""
    many = "partition" if partitions == 1 else "partitions"
    return (
        f"{words.count(partitions)} {many} of {topic} began anew, because what was to be read next was gone: messages "
        "may be missing from the counts."
    )
