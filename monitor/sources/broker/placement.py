"""Where each partition goes on: at the offset the state remembers, or where it has to begin anew. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from monitor.sources.broker.client import Partition

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from monitor.sources.broker.client import Bounds, Topic

_IDENTITY = "#id"


def identity_key(topic: str) -> str:
    """Return the name under which the identity of a topic stands among the offsets. No topic's name has a `#`."""
    return f"{topic}{_IDENTITY}"


def partition_of(name: str) -> Partition | None:
    """Return the partition that an entry of the offsets names; None where it names an identity."""
    topic, slash, number = name.rpartition("/")
    return Partition(topic, int(number)) if slash else None


def topic_of(name: str) -> str:
    """Return the topic that an entry of the offsets is about."""
    return name.removesuffix(_IDENTITY).rpartition("/")[0] or name.removesuffix(_IDENTITY)


@dataclass(frozen=True, slots=True)
class Placement:
    """What is to be read, and from where."""

    positions: Mapping[Partition, int] = field(default_factory=dict)
    offsets: Mapping[str, int] = field(default_factory=dict)
    """What the state has to remember: the positions by name, and the topics' identities."""
    resets: Mapping[str, int] = field(default_factory=dict)
    """Topic -> partitions that begin anew because what was to be read next is gone."""
    notices: tuple[str, ...] = ()

    def then(self, later: Placement) -> Placement:
        """Return a later placement that says what this one had to say, too."""
        resets = dict(self.resets)
        for topic, count in later.resets.items():
            resets[topic] = resets.get(topic, 0) + count
        return replace(later, resets=resets, notices=self.notices + later.notices)


def place(
    topics: Mapping[str, Topic],
    bounds: Mapping[Partition, Bounds],
    offsets: Mapping[str, int],
    *,
    latest: bool,
    young: Collection[str] = (),
    gone: Collection[Partition] = (),
) -> Placement:
    """Return where the partitions of `topics` go on, whose messages lie within `bounds`.

    A partition without an offset begins as `latest` says, or at its beginning where it came later than the others of
    its topic, or the topic is one of `young`, which were not there before: then all its messages are new. A topic with
    another identity than the remembered one is another topic. Of `gone` the broker says that their offset is out of
    range.
    """
    positions: dict[Partition, int] = {}
    remembered: dict[str, int] = {}
    resets: dict[str, int] = {}
    notices: list[str] = []
    where = "at their end" if latest else "at their beginning"
    for topic, found in topics.items():
        known = {name for name in offsets if name.startswith(f"{topic}/")}
        old = offsets.get(identity_key(topic))
        if old is not None and found.identity is not None and old != found.identity:
            resets[topic] = len(known)
            notices.append(
                f"topic {topic} was deleted and made again: its partitions begin {where} (source.start); "
                "what had not been read of the old one is lost"
            )
            remembered |= dict.fromkeys(sorted(known), 0)  # also of partitions that it has no more
            known = set()
            begin_anew = latest
        else:
            begin_anew = latest and not known and topic not in young
        if found.identity is not None:
            remembered[identity_key(topic)] = found.identity
        for number in found.partitions:
            partition = Partition(topic, number)
            there = bounds[partition]
            if str(partition) not in known:
                positions[partition] = there.end if begin_anew else there.begin
            else:
                positions[partition] = offsets[str(partition)]
                if partition in gone:
                    positions[partition], notice = _out_of_range(partition, positions[partition], there, latest=latest)
                    if notice:
                        notices.append(notice)
                        resets[topic] = resets.get(topic, 0) + 1
    remembered |= {str(partition): offset for partition, offset in positions.items()}
    return Placement(positions, remembered, resets, tuple(notices))


def _out_of_range(partition: Partition, wanted: int, there: Bounds, *, latest: bool) -> tuple[int, str]:
    """Return where a partition goes on whose offset the broker does not have, and what to say of it."""
    if wanted < there.begin:
        lost = there.begin - wanted
        return there.begin, (
            f"{partition}: up to {lost} messages were removed before they were read (offsets {wanted} to "
            f"{there.begin - 1}); reading goes on at {there.begin}. Give the topic a longer retention"
        )
    if wanted > there.end:
        begin = there.end if latest else there.begin
        return begin, (
            f"{partition}: offset {wanted} lies beyond its end {there.end}: messages were lost, or the topic was made "
            f"again; reading goes on at {begin} (source.start)"
        )
    return wanted, ""
