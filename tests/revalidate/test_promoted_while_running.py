"""A real daemon on growing files: a baseline is handed in, comes into force without a restart, and goes again."""

from __future__ import annotations

import json
import signal
import threading

import pytest
from alert_stack import until
from living_daemon import Feed, LivingDaemon, build

from monitor.errors import InputError
from monitor.revalidate.asking.daemon_desk import DaemonDesk
from monitor.revalidate.decision import Verb
from monitor.revalidate.desk import Ask, Candidate, DeskAway, Refused, Result
from monitor.revalidate.writing.state_desk import StateDesk

CALL = "/api/v1/revalidate/decide"


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A folder with a baseline that is configured, a better one, and a worse one."""
    folder = tmp_path_factory.mktemp("living")
    return folder, {
        name: build(folder, name, right) for name, right in (("churn-3", 0.80), ("up", 0.83), ("down", 0.6))
    }


def handed_in(daemon, name):
    """Decide by force and hand a baseline in, each call reaching the desk anew; return the last decision."""
    with daemon.desk() as desk:
        assert isinstance(desk, DaemonDesk)
        (begun,) = desk.decide(Ask("churn", "amy@host", "elsewhere/boot/1/2", force=True))
    assert (begun.decision, begun.triggered) == (Verb.START, ("force",))
    folder = daemon.folder
    candidate = Candidate((folder / f"{name}.json").read_bytes(), (folder / f"{name}.json.folds.csv").read_text())
    with daemon.desk() as desk:
        return desk.hand_in(Result(begun.run, "amy@host", candidate))


def test_a_baseline_comes_into_force_while_events_flow_survives_a_restart_and_is_taken_back(room):
    folder, hashes = room
    with LivingDaemon(folder) as daemon:
        with Feed(folder) as feed:
            until(lambda: daemon.promised() is not None, "the first windows")
            before = daemon.promised()
            assert daemon.hashes() == [hashes["churn-3"]]

            decision = handed_in(daemon, "down")
            assert (decision.decision, decision.baseline_after) == (Verb.REJECTED, hashes["churn-3"])
            assert daemon.hashes() == [hashes["churn-3"]]

            decision = handed_in(daemon, "up")
            assert decision.decision is Verb.PROMOTED, decision.reasons
            assert (decision.baseline_before, decision.baseline_after) == (hashes["churn-3"], hashes["up"])
            until(lambda: daemon.hashes() == [hashes["up"]], "the new baseline", 10)
            until(lambda: daemon.promised() > before + 0.01, "the new corridor", 10)
            pointer = json.loads((folder / "baselines/current.json").read_text())
            assert pointer == {"churn": {"3": f"{hashes['up']}.json"}}
            entries = json.loads(daemon.ask("/api/v1/ledger")[1])["entries"]
            kinds = [entry["kind"] for entry in entries]
            assert kinds == ["config", "baseline", "decision", "decision", "decision", "decision", "promotion"]

            assert daemon.stop() == 0
            daemon.start()
            assert daemon.hashes() == [hashes["up"]]
            until(lambda: daemon.promised() and daemon.promised() > before + 0.01, "the corridor after a restart")

            with daemon.desk() as desk:
                back = desk.rollback("churn", "amy@host")
            assert (back.baseline_before, back.baseline_after) == (hashes["up"], hashes["churn-3"])
            until(lambda: daemon.hashes() == [hashes["churn-3"]], "the old baseline", 10)
            until(lambda: daemon.promised() < before + 0.005, "the old corridor", 10)
            with daemon.desk() as desk, pytest.raises(Refused, match="nothing was promoted"):
                desk.rollback("churn", "amy@host")
        until(lambda: daemon.counted() == feed.sent, f"all {feed.sent} events are counted")
        assert "Traceback" not in daemon.log


def test_a_wrong_token_opens_nothing_and_neither_does_none(room):
    folder, _ = room
    token = folder / "state" / "token"
    with LivingDaemon(folder) as daemon:
        right = token.read_text().strip()
        body = json.dumps({"model": "churn", "by": "eve"}).encode()
        for wrong in ({}, {"Authorization": "Bearer wrong"}, {"Cookie": f"token={right}", "Origin": "http://evil"}):
            assert daemon.ask(CALL, "POST", body, **wrong)[0] == 401
        assert daemon.ask(CALL, "POST", body, Authorization=f"Bearer {right}")[0] == 200
        counted = 'foldwatch_http_refused_total{reason="unauthorized"} 3.0'
        until(lambda: counted in daemon.ask("/metrics")[1], "those who were turned away are counted")
        (folder / "elsewhere").write_text("a-wrong-token-0123456789\n")
        config = folder / "foldwatch.yaml"
        config.write_text(config.read_text() + "daemon: {token_file: elsewhere}\n")
        with pytest.raises(InputError) as caught, daemon.desk():
            pass
        assert str(folder / "elsewhere") in str(caught.value)
        assert right not in daemon.log


def test_a_daemon_that_is_away_is_done_without_where_its_state_is_and_waited_for_where_it_is_not(room):
    folder, hashes = room
    with LivingDaemon(folder) as daemon:
        assert daemon.stop(signal.SIGKILL) == -signal.SIGKILL
        with daemon.desk(wait=5.0) as desk:
            assert isinstance(desk, StateDesk)
            (look,) = desk.looks("churn")
            assert look.evidence.baseline == hashes["churn-3"]
            with pytest.raises(DeskAway, match="in use by another process"), daemon.desk(wait=0.2):
                pass
        config = folder / "foldwatch.yaml"
        text = config.read_text().replace("store: {path: state}", "store: {path: nowhere}")
        config.write_text(text + f'daemon: {{url: "http://127.0.0.1:{daemon.port}", token_file: state/token}}\n')
        with pytest.raises(DeskAway, match=rf"http://127\.0\.0\.1:{daemon.port} cannot be reached"), daemon.desk(0.2):
            pass
        assert not (folder / "nowhere").exists()


def test_a_daemon_that_starts_waits_for_a_command_that_has_the_state(room):
    folder, _ = room
    daemon = LivingDaemon(folder)
    with daemon.desk(wait=5.0) as desk:
        assert isinstance(desk, StateDesk)
        starting = threading.Thread(target=daemon.start)
        starting.start()
        starting.join(5.0)
        assert starting.is_alive()
    starting.join(60)
    try:
        assert daemon.ready()
    finally:
        assert daemon.stop() == 0
