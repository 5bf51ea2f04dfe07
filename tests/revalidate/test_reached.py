"""Where the desk is: a daemon's first, else the state's own; and what happens where both are busy or wrong."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from desk_scene import ask, promoted, scene
from promoted_scene import fabricated
from scripted_desk import ScriptedDesk, behind_a_door

from monitor.config import Auth, ServerSettings
from monitor.config.revalidation import DaemonSettings
from monitor.errors import InputError, StateInUse
from monitor.revalidate.asking.daemon_desk import DaemonDesk
from monitor.revalidate.asking.reached import reached
from monitor.revalidate.decision import Verb
from monitor.revalidate.desk import DeskAway, Refused
from monitor.revalidate.ledger.ledger import Ledger
from monitor.revalidate.writing.state_desk import StateDesk
from monitor.state.opened import open_state

BETTER = fabricated("3", right=0.95)


class Patient:
    """Seconds that pass while somebody sleeps, and what happens then."""

    def __init__(self, after=None):
        self.now, self.after = 0.0, after

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        if self.after is not None and self.now > 1.0:
            self.after()
            self.after = None


def at(settings, address):
    """The same configuration with another `server.listen`."""
    return replace(settings, server=ServerSettings(address))


def contents(folder):
    """Every file below a folder, with its bytes."""
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_daemon_is_asked_where_there_is_one(tmp_path):
    settings = scene(tmp_path)
    settings.store.mkdir()
    behind = ScriptedDesk()
    with behind_a_door(behind, settings.store) as server, reached(at(settings, server.address), 0.0) as desk:
        assert isinstance(desk, DaemonDesk)
        desk.approve("churn", "me")
    assert behind.asked == [("approve", "churn", "me")]
    assert [path.name for path in settings.store.iterdir()] == ["token"]


def test_without_a_daemon_the_state_is_asked_and_let_go_again(tmp_path):
    settings = scene(tmp_path)
    for _ in range(2):
        with reached(settings, 0.0) as desk:
            assert isinstance(desk, StateDesk)
            with pytest.raises(StateInUse):
                open_state(settings)
        open_state(settings).close()
    with reached(settings, 0.0) as desk:
        promoted(desk, BETTER)
        assert desk.looks("churn")[0].evidence.baseline == BETTER.content_hash
    with reached(settings, 0.0) as desk:
        assert desk.looks("churn")[0].evidence.baseline == BETTER.content_hash
        desk.rollback("churn", "me")
        assert desk.looks("churn")[0].evidence.baseline == fabricated("3").content_hash


def test_read_only_decides_and_writes_nothing_at_all_even_where_the_state_is_in_use(tmp_path):
    settings = scene(tmp_path)
    with reached(settings, 0.0, read_only=True) as desk:
        (decision,) = desk.decide(ask(dry_run=True))
    assert decision.decision is Verb.START
    assert not settings.store.exists()
    with reached(settings, 0.0) as desk:
        promoted(desk, BETTER)
    before = contents(tmp_path)
    with reached(settings, 0.0, read_only=True) as desk:
        (decision,) = desk.decide(ask(dry_run=True))
        assert (decision.decision, decision.baseline_before) == (Verb.START, BETTER.content_hash)
    assert contents(tmp_path) == before
    state = open_state(settings)
    with reached(settings, 0.0, read_only=True) as desk:
        assert desk.decide(ask(dry_run=True))[0].decision is Verb.START
    state.close()


def test_a_state_or_a_ledger_in_use_is_waited_for_and_then_told(tmp_path):
    settings = scene(tmp_path)
    with reached(settings, 0.0):
        pass
    for held in (lambda: open_state(settings), lambda: Ledger(settings.ledger)):
        other, watch = held(), Patient()
        with pytest.raises(DeskAway, match="in use"), reached(settings, 3.0, monotonic=watch, sleep=watch.sleep):
            pass
        assert watch.now >= 3.0
        watch = Patient(after=other.close)
        with reached(settings, 3.0, monotonic=watch, sleep=watch.sleep) as desk:
            assert isinstance(desk, StateDesk)
        assert 1.0 < watch.now < 3.0


def test_a_daemon_with_another_token_at_the_address_is_none_of_ours(tmp_path):
    settings = scene(tmp_path)
    settings.store.mkdir()
    (settings.store / "token").write_text("a-token-of-this-very-state\n")
    (tmp_path / "other").mkdir()
    with behind_a_door(ScriptedDesk(), tmp_path / "other") as server:
        with reached(at(settings, server.address), 0.0) as desk:
            assert isinstance(desk, StateDesk)
        state = open_state(settings)
        with pytest.raises(DeskAway, match="does not know the token"), reached(at(settings, server.address), 0.0):
            pass
        state.close()
        assert server.refused()["unauthorized"] == 2


def test_a_daemon_of_another_folder_is_not_asked_where_ours_never_made_a_token(tmp_path):
    settings = scene(tmp_path)
    (tmp_path / "other").mkdir()
    with (
        behind_a_door(ScriptedDesk(), tmp_path / "other") as server,
        reached(at(settings, server.address), 0.0) as desk,
    ):
        assert isinstance(desk, StateDesk)
        assert server.refused()["unauthorized"] == 0


def test_a_wrong_token_of_the_configuration_is_an_error_and_no_reason_to_take_the_state(tmp_path):
    settings = scene(tmp_path)
    (tmp_path / "right").write_text("the-right-token-0123456789\n")
    (tmp_path / "wrong").write_text("some-other-token-0123456789\n")
    with behind_a_door(ScriptedDesk(), None, auth=Auth(tmp_path / "right")) as server:
        wrong = replace(at(settings, server.address), daemon=DaemonSettings(token_file=tmp_path / "wrong"))
        with pytest.raises(InputError) as caught, reached(wrong, 0.0):
            pass
        assert str(tmp_path / "wrong") in str(caught.value)
        missing = replace(wrong, daemon=DaemonSettings(token_file=tmp_path / "nowhere"))
        with pytest.raises(InputError, match="nowhere: cannot be read"), reached(missing, 0.0):
            pass
    assert not settings.store.exists()


def test_where_the_daemon_is_elsewhere_no_folder_is_made_here(tmp_path):
    settings = scene(tmp_path)
    (tmp_path / "token").write_text("the-right-token-0123456789\n")
    away = replace(settings, daemon=DaemonSettings("http://127.0.0.1:1", tmp_path / "token"))
    for configured in (away, replace(away, store=None)):
        with pytest.raises(DeskAway, match=r"127\.0\.0\.1:1 cannot be reached"), reached(configured, 0.0):
            pass
    assert not settings.store.exists()
    open_state(settings).close()
    with reached(away, 0.0) as desk:
        assert isinstance(desk, StateDesk)


def test_without_a_store_the_ledger_beside_the_baselines_remembers(tmp_path):
    settings = replace(scene(tmp_path), store=None, ledger=tmp_path / "baselines" / "ledger.jsonl")
    with reached(settings, 0.0) as desk:
        promoted(desk, BETTER)
    with reached(settings, 0.0) as desk:
        assert desk.looks("churn")[0].evidence.baseline == BETTER.content_hash
        assert desk.rollback("churn", "me").baseline_after == fabricated("3").content_hash


@pytest.mark.parametrize("trouble", [DeskAway("a"), Refused("b"), StateInUse()], ids=["away", "refused", "in use"])
def test_what_is_raised_with_the_desk_in_hand_is_passed_on_and_everything_let_go(tmp_path, trouble):
    settings = scene(tmp_path)
    with pytest.raises(type(trouble)) as caught, reached(settings, 5.0):
        raise trouble
    assert caught.value is trouble
    open_state(settings).close()
    Ledger(settings.ledger).close()


def test_a_daemons_desk_is_let_go_too(tmp_path):
    settings = scene(tmp_path)
    settings.store.mkdir()
    with behind_a_door(ScriptedDesk(DeskAway("no time")), settings.store) as server:
        with pytest.raises(DeskAway, match="no time"), reached(at(settings, server.address), 5.0) as desk:
            desk.looks("churn")
        with reached(at(settings, server.address), 0.0) as desk:
            assert isinstance(desk, DaemonDesk)


def test_damaged_pointers_are_an_error_at_once(tmp_path):
    settings = scene(tmp_path)
    (tmp_path / "baselines").mkdir()
    (tmp_path / "baselines" / "current.json").write_text("{")
    with pytest.raises(InputError, match=r"current\.json: is damaged"), reached(settings, 60.0):
        pass
    open_state(settings).close()
