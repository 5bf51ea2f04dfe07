"""What a daemon tells of itself: how long its work takes, what it commits, what it takes of the machine."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import fabricated as made
import pytest
from alert_stack import until
from hypothesis import given
from hypothesis import strategies as st
from scraped_daemon import Seconds, evaluated, history, running, samples, scrape, value

from monitor.clock import HOUR, ManualClock
from monitor.config import Auth, Duration, Input, ServerSettings, SourceSettings
from monitor.errors import SourceUnavailable
from monitor.prometheus import catalog
from monitor.prometheus.own import Meter, footprint
from monitor.report.operation import Distribution
from monitor.sources.memory import Memory
from monitor.state.disk.durable import RocksState

AWAY = "nobody is there"
FREE = ServerSettings(("127.0.0.1", 0))
SOURCE = SourceSettings(predictions=Input(topic="p"), labels=Input(topic="l"))
STAYED = history("churn", "3", ("stay", "leave"), made.START, hours=1)


def settings_of(server=FREE):
    of = made.model(windows=("1h",), horizon="0s")
    return made.settings(of, source=SOURCE, server=server, evaluate_every=Duration(HOUR, "1h"))


SETTINGS = settings_of()


@given(st.lists(st.floats(0, 400)), st.sampled_from([catalog.STEP_SECONDS, catalog.EVALUATION_SECONDS]))
def test_a_distribution_counts_what_is_at_or_below_each_bound(values, metric):
    found = Distribution.over(metric.buckets)
    for one in values:
        found = found.and_(one)
    ends = (*metric.buckets, float("inf"))
    assert found.cumulative == tuple(sum(one <= end for one in values) for end in ends)
    assert found.total == pytest.approx(sum(values))
    assert Distribution.over(metric.buckets).cumulative == (0,) * len(ends)


def test_steps_and_evaluations_are_timed_by_the_clock_of_the_loop():
    seconds = Seconds()
    meter = Meter(seconds)
    with meter.step():
        seconds.now += 0.3
    with pytest.raises(SourceUnavailable), meter.step():
        raise SourceUnavailable(AWAY)
    meter.evaluated(2.0, 77)
    found = meter.read(source_up=True, refused={})
    assert (found.steps.total, found.steps.cumulative[-1]) == (0.3, 1)
    assert (found.evaluations.total, found.evaluations.cumulative[-1], found.state_bytes) == (2.0, 1, 77)


def test_each_evaluation_is_counted_from_the_first_on_and_each_step_too():
    with running(SETTINGS, ManualClock(made.START)) as (daemon, source, seconds):
        text = evaluated(daemon, source, seconds, [STAYED])
        before = value(text, "foldwatch_evaluation_seconds_count")
        assert before >= 2
        assert value(text, "foldwatch_step_seconds_count") >= before
        seconds.now += HOUR
        until(lambda: value(scrape(daemon), "foldwatch_evaluation_seconds_count") > before, "one more")


def test_the_last_commit_is_told_once_events_were_committed():
    with running(SETTINGS, ManualClock(made.START)) as (daemon, source, seconds):
        until(lambda: value(scrape(daemon), "foldwatch_last_evaluation_timestamp_seconds"), "the first evaluation")
        text = evaluated(daemon, source, seconds, [STAYED])
        assert value(text, "foldwatch_last_commit_timestamp_seconds") == made.START / 1_000


def test_the_state_tells_what_it_takes_on_the_disk_and_in_memory_has_no_series(tmp_path):
    name = "foldwatch_state_bytes"
    clock = ManualClock(made.START)
    with running(SETTINGS, clock) as (daemon, source, seconds):
        assert value(evaluated(daemon, source, seconds, [STAYED]), name) is None
    state = RocksState(tmp_path / "state", SETTINGS.models)
    with running(SETTINGS, clock, state=state) as (daemon, source, seconds):
        told = value(evaluated(daemon, source, seconds, [STAYED]), name)
        own = sum(path.stat().st_size for path in (tmp_path / "state").iterdir())
    assert 0.5 * own < told <= 2 * own


class Away:
    """A source that comes when it is let."""

    def __init__(self, source):
        self._source, self.away = source, True

    def __getattr__(self, name):
        return getattr(self._source, name)

    def poll(self):
        if self.away:
            raise SourceUnavailable(AWAY)
        return self._source.poll()


def test_a_source_is_up_from_the_first_good_read_until_one_fails(monkeypatch):
    made_sources = []

    def away(settings, clock):
        made_sources.append(Away(Memory(settings, clock)))
        return made_sources[0]

    monkeypatch.setattr("scraped_daemon.Memory", away)
    with running(SETTINGS, ManualClock(made.START)) as (daemon, source, seconds):

        def told(up):
            seconds.now += 2
            return value(scrape(daemon), "foldwatch_source_up") == up

        assert value(scrape(daemon), "foldwatch_source_up") == 0
        source.away = False
        until(lambda: told(1), "the source to be up")
        source.away = True
        until(lambda: told(0), "the source to be away")


def test_whoever_is_turned_away_is_counted_and_every_reason_begins_at_zero(tmp_path):
    (tmp_path / "token").write_text("s3cret-of-thirty-two-characters-x")
    (tmp_path / "token").chmod(0o600)
    server = replace(FREE, auth=Auth(bearer_token_file=tmp_path / "token"))

    def scraped(daemon):
        asked = urllib.request.Request(
            f"{daemon.server.url}metrics", headers={"Authorization": f"Bearer {(tmp_path / 'token').read_text()}"}
        )
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return answer.read().decode()

    with running(settings_of(server), ManualClock(made.START)) as (daemon, _, seconds):
        refused = {s.labels["reason"]: s.value for s in samples(scraped(daemon)) if "refused" in s.name}
        assert len(refused) >= 5
        assert set(refused.values()) == {0}
        for _ in range(3):
            with pytest.raises(urllib.error.HTTPError, match="401"):
                scrape(daemon)

        def told():
            seconds.now += 31
            found = {s.labels["reason"]: s.value for s in samples(scraped(daemon)) if "refused" in s.name}
            return found["unauthorized"] == 3

        until(told, "the refusals to be counted")


def test_the_footprint_is_that_of_this_process_under_the_names_of_the_catalog():
    found = footprint()
    assert set(found) == {metric.name for metric in catalog.FOOTPRINT}
    assert 1e7 < found["process_resident_memory_bytes"] < found["process_virtual_memory_bytes"]
    with socket.socket():
        assert footprint()["process_open_fds"] == len(list(Path("/proc/self/fd").iterdir()))


def test_a_scrape_between_evaluations_knows_the_process_as_of_at_most_half_a_minute_ago():
    with running(SETTINGS, ManualClock(made.START)) as (daemon, _, seconds):
        until(lambda: value(scrape(daemon), "foldwatch_last_evaluation_timestamp_seconds"), "the first evaluation")
        before = value(scrape(daemon), "foldwatch_step_seconds_count")
        seconds.now += 31
        until(lambda: value(scrape(daemon), "foldwatch_step_seconds_count") > before, "newer numbers")
        assert value(scrape(daemon), "foldwatch_evaluation_seconds_count") == 1
