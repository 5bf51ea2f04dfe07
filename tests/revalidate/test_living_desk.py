"""The desk inside a daemon: it answers whatever the source does, takes baselines up at once, outlives its ledger."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import fabricated as made
import pytest
from desk_scene import ask, begin, promoted, result, scene
from http_clients import ask as get
from http_clients import until
from promoted_scene import fabricated
from scraped_daemon import lines_of
from stream_drive import GivenSource

from monitor.baselines.in_force import load_baselines
from monitor.clock import SystemClock
from monitor.config import Duration, Objective, ServerSettings, Settings
from monitor.daemon import Daemon
from monitor.errors import InputError, SourceUnavailable
from monitor.revalidate.asking.daemon_desk import DaemonDesk
from monitor.revalidate.asking.daemon_door import Door
from monitor.revalidate.desk import DeskAway, Refused
from monitor.revalidate.ledger.ledger import Ledger
from monitor.sources.memory import Memory
from monitor.sources.source import Batch, Rejected
from monitor.state import MemoryState
from monitor.state.opened import open_state

BETTER = fabricated("3", right=0.95)
OLD = fabricated("3").content_hash


class Away(GivenSource):
    """A source that is never there."""

    def poll(self):
        message = "no broker at localhost:9092"
        raise SourceUnavailable(message)


@contextmanager
def living(settings, source=None, state=None):
    """A daemon in a thread, its desk over HTTP, and every Snapshot that it publishes."""
    settings = replace(settings, server=ServerSettings(("127.0.0.1", 0)))
    shown, stop = [], threading.Event()
    state = state or open_state(settings)
    daemon = Daemon(
        settings, source or GivenSource([]), SystemClock(), load_baselines(settings), state=state, watch=shown.append
    )
    thread = threading.Thread(target=daemon.run, args=(stop,))
    thread.start()
    token = tokens(settings, daemon)
    try:
        with DaemonDesk(Door(daemon.server.url.rstrip("/"), token, "a file", configured=True)) as desk:
            yield SimpleNamespace(daemon=daemon, desk=desk, shown=shown, stop=stop, settings=settings)
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


def tokens(settings, daemon):
    """The token that opens a daemon."""
    return settings.store / "token" if settings.store is not None else daemon.server.url


def hashes(at):
    """The baselines that are shown."""
    return [baseline.content_hash for baseline in at.shown[-1].baselines.values()]


def test_a_promoted_baseline_is_shown_in_the_evaluation_right_after_and_how_it_stands_too(tmp_path):
    with living(scene(tmp_path)) as at:
        until(lambda: at.shown)
        assert (hashes(at), at.shown[-1].revalidation["churn"].decision) == ([OLD], None)
        n = len(at.shown)
        promoted(at.desk, BETTER)
        until(lambda: hashes(at) == [BETTER.content_hash])
        assert len(at.shown) == n + 1
        snapshot = at.shown[-1]
        assert snapshot.revalidation["churn"].decision == "promoted"
        assert snapshot.revalidation["churn"].baseline == BETTER.content_hash
        assert list(snapshot.folds) == list(snapshot.baselines) == [("churn", "3")]
        until(lambda: BETTER.content_hash in get(at.daemon.server)[2])
        assert OLD not in get(at.daemon.server)[2]
        at.desk.rollback("churn", "me")
        until(lambda: hashes(at) == [OLD])


def test_a_retrained_version_gets_its_baseline_beside_the_old_one_and_loses_it_by_rollback(tmp_path):
    with living(scene(tmp_path, action=', version: "4"')) as at:
        promoted(at.desk, fabricated("4", right=0.95))
        until(lambda: len(hashes(at)) == 2)
        assert list(at.shown[-1].baselines) == [("churn", "3"), ("churn", "4")]
        at.desk.rollback("churn", "me")
        until(lambda: hashes(at) == [OLD])
        assert list(at.shown[-1].folds) == [("churn", "3")]


def test_calls_are_answered_while_the_source_is_away_and_while_reading_is_halted(tmp_path):
    with living(scene(tmp_path), Away([])) as at:
        assert get(at.daemon.server, "/-/ready")[0] == 503
        promoted(at.desk, BETTER)
        assert at.desk.looks("churn")[0].evidence.baseline == BETTER.content_hash
    settings = scene(tmp_path)
    bad = Batch(rejected=[made_rejected(i) for i in range(2_000)], read=2_000)
    with living(settings, GivenSource([bad])) as at:
        until(lambda: at.shown and at.shown[-1].halted)
        assert at.desk.looks("churn")[0].evidence.baseline == BETTER.content_hash


def made_rejected(i):
    """One event that was rejected."""
    return Rejected("not_json", "", f"predictions.jsonl:{i}", b"{")


def test_when_the_daemon_stops_who_calls_is_told_or_finds_nobody(tmp_path):
    with living(scene(tmp_path)) as at:
        run = begin(at.desk)
        at.stop.set()
        until(lambda: away(at.desk))
    with living(scene(tmp_path)) as at:
        assert at.desk.hand_in(result(run, BETTER)).decision == "promoted"


def away(desk):
    try:
        desk.looks("churn")
    except DeskAway:
        return True
    return False


def test_the_ledger_is_served_as_it_is_after_each_call_and_to_whoever_may_read(tmp_path):
    with living(scene(tmp_path)) as at:
        assert [entry["kind"] for entry in at.desk.ledger().entries] == ["config", "baseline"]
        promoted(at.desk, BETTER)
        kinds = ["config", "baseline", "decision", "decision", "promotion"]
        assert [entry["kind"] for entry in at.desk.ledger().entries] == kinds
        shown = json.loads(get(at.daemon.server, "/api/v1/ledger")[2])
        assert shown["entries"] == [json.loads(line) for line in at.settings.ledger.read_text().splitlines()]
        assert (shown["number"], shown["hash"]) == (5, shown["entries"][-1]["hash"])


def test_where_nothing_is_kept_the_daemon_works_as_before_and_says_what_it_lacks(tmp_path):
    (tmp_path / "token").write_text("5f0c8e5b0a7d4c1e9b3a2f6d8e7c1b0a")
    settings = Settings({"churn": made.model("churn", ("stay", "leave"), ("1h",), "0s")})
    with living(settings, state=MemoryState(settings.models)) as at:
        assert json.loads(get(at.daemon.server, "/api/v1/ledger")[2])["entries"] == []
        until(lambda: at.shown)
        assert at.shown[-1].revalidation == {}
        status, _, text = get(at.daemon.server, "/api/v1/revalidate/looks", "POST")
        assert (status, "server.auth.bearer_token_file" in text, "store.path" in text) == (403, True, True)


def test_a_ledger_that_was_tampered_with_stops_no_evaluation_and_every_call_that_would_write(tmp_path):
    settings = scene(tmp_path)
    with living(settings) as at:
        promoted(at.desk, BETTER)
    lines = settings.ledger.read_text().splitlines()
    settings.ledger.write_text("\n".join([lines[0], *lines[2:]]) + "\n")
    with living(settings) as at:
        until(lambda: at.shown)
        assert hashes(at) == [BETTER.content_hash]
        with pytest.raises(InputError, match="ledger"):
            at.desk.decide(ask())
        assert len(at.desk.looks("churn")) == 1
        assert at.desk.ledger().findings


def test_a_ledger_that_somebody_else_has_open_is_waited_for_and_calls_are_told_why(tmp_path, caplog):
    settings = replace(scene(tmp_path), evaluate_every=replace(scene(tmp_path).evaluate_every, millis=200))
    state = open_state(settings)
    other = Ledger(settings.ledger)
    with living(settings, state=state) as at:
        with pytest.raises(DeskAway, match="in use"):
            at.desk.decide(ask())
        assert "nothing is re-validated" in caplog.text
        other.close()
        until(lambda: not away(at.desk))
        promoted(at.desk, BETTER)


def test_a_streak_goes_on_where_the_process_before_left_it(tmp_path):
    settings, clock = scene(tmp_path), SystemClock()
    model = replace(
        settings.models["churn"],
        label_horizon=Duration(0, "0s"),
        objectives=(Objective("recall", "recall", "leave", "24h", margin=0.05),),
    )
    settings = replace(settings, models={"churn": model}, evaluate_every=Duration(50, "50ms"))
    source, now = Memory(settings, clock), clock.now()
    of = [{"prediction_id": f"p{i}", "model": "churn"} for i in range(300)]
    wrong = [one | {"version": "3", "predicted_at": now - 60_000, "y_pred": "stay"} for one in of]
    labels = [one | {"y_true": "leave", "labelled_at": now - 30_000} for one in of]
    source.feed(predictions=lines_of(wrong), labels=lines_of(labels))

    def streak(at):
        return at.desk.looks("churn")[0].evidence.worse.get("recall", 0)

    with living(settings, source) as at:
        until(lambda: streak(at) > 20)
        known = streak(at)
    with living(settings) as at:
        until(lambda: at.shown)
        assert streak(at) > known


def test_a_call_that_no_model_answers_is_refused_with_the_names_that_there_are(tmp_path):
    with living(scene(tmp_path)) as at:
        with pytest.raises(Refused, match=r"there is no model `nothing`.*churn"):
            at.desk.looks("nothing")
        with pytest.raises(Refused, match=r"nothing .* waits for approval"):
            at.desk.approve("churn", "me")
