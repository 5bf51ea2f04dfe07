"""What `check --connect` finds of a Kafka source: brokers, login, topics, rights. It reads, and changes nothing."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Final

from monitor.clock import format_duration, format_time
from monitor.config.finding import Finding, Level, Step
from monitor.errors import InputError, SourceUnavailable
from monitor.sources.broker.client import Forbidden, LoginRefused, Partition
from monitor.sources.broker.login import login_of
from monitor.sources.broker.reach import AGAIN, reach
from monitor.sources.decoding.codec import Codec, Kind
from monitor.sources.reachable.sampled import Sample, latest, sample_findings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from monitor.clock import Clock
    from monitor.config import Settings, SourceSettings
    from monitor.sources.broker.client import Bounds, Client, Topic
    from monitor.sources.broker.login import Login

_CONNECT_SECONDS: Final = 4.0
_SAMPLE_SECONDS: Final = 3.0
_YEAR_10000: Final = 253_402_300_800_000
"""Moments from then on have no date: producers may write any."""
_FOREVER: Final = -1
"""`retention.ms` of a topic that keeps everything."""


def cluster_steps(settings: Settings, open_client: Callable[[SourceSettings], Client], clock: Clock) -> Iterator[Step]:
    """Yield the questions to a cluster in their order; the next ones depend on the answers.

    Topics are not asked for where no broker answers. Nothing is created, written or committed.
    """
    cluster = _Cluster(settings, open_client, clock)
    try:
        yield Step("broker", cluster.brokers)
        if cluster.reached:
            yield Step("login", cluster.login)
        if cluster.client is not None:
            yield Step("predictions", partial(cluster.input, Kind.PREDICTIONS))
            yield Step("labels", partial(cluster.input, Kind.LABELS))
            if settings.source.dead_letters.topic is not None:
                yield Step("dead letters", partial(cluster.dead_letters, settings.source.dead_letters.topic))
    finally:
        cluster.close()


class _Cluster:
    """One cluster and what is known of it so far."""

    def __init__(self, settings: Settings, open_client: Callable[[SourceSettings], Client], clock: Clock) -> None:
        self._settings, self._source = settings, settings.source
        self._open, self._clock = open_client, clock
        self.reached: list[str] = []
        """The brokers that take connections."""
        self.client: Client | None = None
        """It answers, and our login is accepted."""
        self._opened: Client | None = None

    def brokers(self) -> Iterator[Finding]:
        """Connect to each broker that is named, to all at once."""
        try:
            login = login_of(self._source.security)
        except InputError as wrong:
            yield from _problems("login", wrong)
            return
        answers: SimpleQueue[tuple[str, float | SourceUnavailable]] = SimpleQueue()
        waiting = list(self._source.bootstrap_servers)
        for server in waiting:
            Thread(target=_connect, args=(self._source, server, login, answers), daemon=True).start()
        reasons: dict[str, SourceUnavailable | None] = dict.fromkeys(waiting)
        until = time.monotonic() + 2 * _CONNECT_SECONDS
        while waiting:
            try:
                server, answer = answers.get(timeout=max(0.0, until - time.monotonic()))
            except Empty:
                break
            waiting.remove(server)
            if isinstance(answer, SourceUnavailable):
                reasons[server] = answer
                continue
            del reasons[server]
            self.reached.append(server)
            trusted = " and its certificate is trusted" if login.tls is not None else ""
            yield Finding(Level.OK, "broker", f"{server} takes connections ({answer:.3f} s){trusted}")
        level = Level.WARNING if self.reached else Level.FAILED
        for server, reason in reasons.items():
            silent = SourceUnavailable(f"{server}: no answer within {2 * _CONNECT_SECONDS:g} s; see to DNS and routes")
            yield _unavailable(level, "broker", reason or silent)

    def login(self) -> Iterator[Finding]:
        """Ask the first question, which needs a login."""
        security = self._source.security
        try:
            client = self._opened = self._open(replace(self._source, bootstrap_servers=tuple(self.reached)))
            client.topics([self._source.predictions.topic or ""])
        except Forbidden:
            pass  # of this one topic: its own line says so
        except SourceUnavailable as wrong:
            yield _unavailable(Level.FAILED, "login" if security.mechanism else "broker", wrong)
            return
        except InputError as wrong:
            yield from _problems("login", wrong)
            return
        self.client = client
        who = f" as {security.username}" if security.username else ""
        accepted = f"accepted: {security.mechanism}{who} over" if security.mechanism else "none needed over"
        yield Finding(Level.OK, "login", f"{accepted} {security.protocol}")

    def input(self, kind: Kind) -> Iterator[Finding]:
        """Look at the topic of predictions or labels, and at its latest messages."""
        subject = "labels" if kind is Kind.LABELS else "predictions"
        name = (self._source.labels if kind is Kind.LABELS else self._source.predictions).topic or ""
        try:
            topic = self._topic(name)
            if topic is None:
                yield self._missing(subject, name)
                return
            if topic.rights is not None and "READ" not in topic.rights:
                yield self._not_allowed(subject, name, "READ")
                return
            config = self._config(name)
            bounds = self._bounds(name, topic)
            sample = latest(self._known(), bounds, _SAMPLE_SECONDS)
            yield Finding(Level.OK, subject, _described(name, topic, bounds, config, sample))
            yield from self._kept(subject, name, config)
            codec = Codec(self._settings)
            halt = self._source.dead_letters.halt_share
            yield from sample_findings(codec, kind, sample, now=self._clock.now(), halt_share=halt)
        except SourceUnavailable as wrong:
            yield _unavailable(Level.FAILED, subject, wrong)

    def dead_letters(self, name: str) -> Iterator[Finding]:
        """Look at the topic of dead letters. Whether we may write is asked, not tried: nothing is left there."""
        subject = "dead letters"
        try:
            topic = self._topic(name)
            if topic is None:
                yield self._missing(subject, name)
            elif topic.rights is None:
                finding = f"topic {name}: this broker does not tell whether we may write"
                yield Finding(Level.WARNING, subject, finding, "see that our login has the right WRITE")
            elif "WRITE" not in topic.rights:
                yield self._not_allowed(subject, name, "WRITE")
            else:
                bounds = self._bounds(name, topic) if "READ" in topic.rights else {}
                found = _described(name, topic, bounds, self._config(name), None)
                yield Finding(Level.OK, subject, f"{found}, and we may write")
        except SourceUnavailable as wrong:
            yield _unavailable(Level.FAILED, subject, wrong)

    def close(self) -> None:
        """Let go of the client."""
        if self._opened is not None:
            self._opened.close()

    def _known(self) -> Client:
        assert self.client is not None, "no question before the login"  # noqa: S101 - steps come in order
        return self.client

    def _topic(self, name: str) -> Topic | None:
        return self._known().topics([name]).get(name)

    def _bounds(self, name: str, topic: Topic) -> Mapping[Partition, Bounds]:
        return self._known().bounds([Partition(name, number) for number in topic.partitions])

    def _config(self, name: str) -> Mapping[str, str]:
        """Return the topic's settings, none where we may not see them."""
        try:
            return self._known().settings(name)
        except Forbidden:
            return {}

    def _kept(self, subject: str, name: str, config: Mapping[str, str]) -> Iterator[Finding]:
        """Yield what a topic that forgets too early will cost."""
        policy = config.get("cleanup.policy", "delete")
        retention = int(config.get("retention.ms", _FOREVER))
        longest = max(self._settings.models.values(), key=lambda model: model.correction_window.millis)
        lost = "after losing the state" if self._settings.store else "after a restart (there is no `store`)"
        alter = f"kafka-configs --alter --entity-type topics --entity-name {name} --add-config"
        if "delete" in policy and _FOREVER < retention < longest.correction_window.millis:
            consequence = (
                f"{lost} labels older than that are missing in a replay"
                if subject == "labels"
                else f"{lost} a replay cannot give the same numbers"
            )
            finding = (
                f"topic {name} keeps messages for {format_duration(retention)}, shorter than the correction_window of "
                f"{longest.name}, {longest.correction_window.text}: {consequence}"
            )
            yield Finding(Level.WARNING, subject, finding, f"`{alter} retention.ms={longest.correction_window.millis}`")
        if "compact" in policy and subject == "predictions":
            finding = (
                f"topic {name} is compacted (cleanup.policy {policy}), and of messages with one key only the last one "
                f"stays: {lost} a replay cannot give the same numbers"
            )
            yield Finding(Level.WARNING, subject, finding, f"`{alter} cleanup.policy=delete`")
        if not config:
            finding = f"we may not see how long the topic {name} keeps its messages"
            yield Finding(Level.WARNING, subject, finding, self._grant(name, "DescribeConfigs"))

    def _missing(self, subject: str, name: str) -> Finding:
        key = f"source.{subject.replace(' ', '_')}.topic"
        finding = f"topic {name} does not exist, or we may not see it"
        return Finding(Level.FAILED, subject, finding, f"`kafka-topics --create --topic {name}`, or correct {key}")

    def _not_allowed(self, subject: str, name: str, right: str) -> Finding:
        user = self._source.security.username
        finding = f"topic {name}: {f'the user {user}' if user else 'our login'} may not {right.lower()} it"
        return Finding(Level.FAILED, subject, finding, self._grant(name, right.capitalize()))

    def _grant(self, name: str, right: str) -> str:
        user = self._source.security.username or "NAME"
        return f"`kafka-acls --add --allow-principal User:{user} --operation {right} --topic {name}`"


def _connect(
    source: SourceSettings, server: str, login: Login, answers: SimpleQueue[tuple[str, float | SourceUnavailable]]
) -> None:
    """Connect to one broker; the answer is how long that took, or why it could not be done."""
    begun = time.monotonic()
    try:
        with suppress(LoginRefused):  # whoever refuses us answers; the next step says why
            reach(replace(source, bootstrap_servers=(server,)), login, _CONNECT_SECONDS)
    except SourceUnavailable as wrong:
        answers.put((server, wrong))
    else:
        answers.put((server, time.monotonic() - begun))


def _problems(subject: str, wrong: InputError) -> Iterator[Finding]:
    """Yield what a person has to mend."""
    for problem in wrong.problems:
        yield Finding(Level.FAILED, subject, f"{problem.place}: {problem.finding}", problem.remedy)


def _unavailable(level: Level, subject: str, wrong: SourceUnavailable) -> Finding:
    """Return the finding of an error whose message is `FINDING; REMEDY; it is tried again`."""
    found, _, remedy = str(wrong).removesuffix(f"; {AGAIN}").partition("; ")
    return Finding(level, subject, found, remedy)


def _described(
    name: str,
    topic: Topic,
    bounds: Mapping[Partition, Bounds],
    config: Mapping[str, str],
    sample: Sample | None,
) -> str:
    """Return a topic in words."""
    n = len(topic.partitions)
    words = [f"topic {name}: {n} partition{'s' if n > 1 else ''}"]
    if bounds:
        words.append(f"{sum(each.end - each.begin for each in bounds.values()):,} messages")
    if sample is not None and sample.latest is not None and 0 <= sample.latest < _YEAR_10000:
        words.append(f"the latest of {format_time(sample.latest)}")
    if config:
        words.append(_retention(config))
    return ", ".join(words)


def _retention(config: Mapping[str, str]) -> str:
    """Return how long messages stay, in words."""
    policy = config.get("cleanup.policy", "delete")
    millis, size = int(config.get("retention.ms", _FOREVER)), int(config.get("retention.bytes", _FOREVER))
    compacted = "compacted, " if "compact" in policy else ""
    if "delete" not in policy:
        return "compacted"
    limit = f", at most {size:,} bytes a partition" if size >= 0 else ""
    return f"{compacted}kept {'for ever' if millis < 0 else f'for {format_duration(millis)}'}{limit}"
