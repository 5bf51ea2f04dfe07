"""The desk of a daemon against the real server: plain and TLS, right and wrong, there and away."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from dataclasses import replace

import certificates
import pytest
import scripted_desk as scripted
from scripted_desk import ScriptedDesk, behind_a_door
from tls_files import Mounted, issued

from monitor.config import Auth, Settings
from monitor.config.revalidation import DaemonSettings
from monitor.config.settings import ServerSettings
from monitor.errors import InputError, Problem, StateBroken
from monitor.revalidate.asking import calls, daemon_desk
from monitor.revalidate.asking.daemon_desk import DaemonDesk, NoDaemon
from monitor.revalidate.asking.daemon_door import Door, door_of
from monitor.revalidate.desk import DeskAway, Refused
from monitor.serve.bodies import LARGE, PREFIX
from monitor.serve.calls import KNOCK
from monitor.serve.limits import Limits

TOKEN = "5f0c8e5b0a7d4c1e9b3a2f6d8e7c1b0a"  # noqa: S105 - the test's own
CALLS = {
    "looks": (("churn",), [scripted.LOOK]),
    "decide": ((scripted.ASK,), [scripted.DECISION, scripted.DECISION]),
    "progress": ((scripted.PROGRESS,), True),
    "hand_in": ((scripted.RESULT,), scripted.DECISION),
    "end": ((scripted.ENDED,), scripted.DECISION),
    "approve": (("churn", "amy@host"), scripted.DECISION),
    "rollback": (("churn", "amy@host"), scripted.DECISION),
    "canary": (("churn", "4"), {"verdict": "OK", "rows": []}),
    "ledger": ((), scripted.LEDGERED),
    "uploads": ((), [scripted.UPLOAD]),
    "uploaded": (("0123456789abcdef", "run-1"), None),
}


@pytest.fixture(scope="module")
def authorities(openssl, tmp_path_factory):
    return certificates.certify(openssl, tmp_path_factory.mktemp("authorities"))


@pytest.fixture
def mounted(authorities, tmp_path):
    certificate, key = issued(authorities.ca, "localhost")
    return Mounted(tmp_path / "tls", cert=certificate, key=key, ca=authorities.ca.read_bytes())


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "state").mkdir()
    return tmp_path / "state"


@pytest.fixture
def auth(tmp_path):
    (tmp_path / "token").write_text(f"# ours\nan-old-token-that-goes-soon\n{TOKEN}\n")
    return Auth(tmp_path / "token")


def settings_of(server, daemon=None, store=None, **more):
    """A configuration whose `server.listen` is where a server really listens."""
    return Settings({}, server=ServerSettings(server.address, **more), daemon=daemon, store=store)


@contextmanager
def reached(settings):
    with DaemonDesk(door_of(settings)) as desk:
        yield desk


def test_every_call_arrives_as_it_was_made_and_its_answer_comes_back(folder):
    behind = ScriptedDesk()
    with behind_a_door(behind, folder) as server, reached(settings_of(server, store=folder)) as desk:
        desk.require()
        for name, (messages, expected) in CALLS.items():
            assert getattr(desk, name)(*messages) == expected
    assert behind.asked == [(name, *messages) for name, (messages, _) in CALLS.items()]


def test_a_large_candidate_arrives_whole_and_one_that_is_too_large_is_refused_with_the_size(folder):
    behind = ScriptedDesk()
    large = replace(scripted.RESULT, candidate=replace(scripted.CANDIDATE, document=bytes(range(256)) * 40_000))
    with behind_a_door(behind, folder, large_body_bytes=20 * 2**20) as server:
        with reached(settings_of(server, store=folder)) as desk:
            assert desk.hand_in(large) == scripted.DECISION
        assert behind.asked == [("hand_in", large)]
    with (
        behind_a_door(behind, folder, large_body_bytes=2**20) as server,
        reached(settings_of(server, store=folder)) as desk,
        pytest.raises((InputError, DeskAway), match=r"larger than 1 MiB|cannot be reached"),
    ):
        desk.hand_in(large)
    assert len(behind.asked) == 1


def test_what_no_daemon_would_take_is_not_even_sent(folder):
    with behind_a_door(ScriptedDesk(), folder) as server, reached(settings_of(server, store=folder)) as desk:
        with pytest.raises(InputError, match="is 9 MiB, the daemon takes 8 MiB"):
            desk.approve("churn", "x" * 9_000_000)
        large = replace(scripted.CANDIDATE, folds="x" * 68_000_000)
        with pytest.raises(InputError, match="is 65 MiB, the daemon takes 64 MiB"):
            desk.hand_in(replace(scripted.RESULT, candidate=large))
        assert sum(server.refused().values()) == 0


PROBLEM = Problem("current.json", "is damaged", "restore it")


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (Refused("nothing to approve"), Refused),
        (InputError(PROBLEM, replace(PROBLEM, place="b")), InputError),
        (StateBroken(PROBLEM), StateBroken),
        (DeskAway("not now"), DeskAway),
        (RuntimeError("a secret"), StateBroken),
    ],
    ids=["refused", "input", "broken", "away", "fault"],
)
def test_what_is_raised_there_is_raised_here(folder, trouble, kind):
    with (
        behind_a_door(ScriptedDesk(trouble), folder) as server,
        reached(settings_of(server, store=folder)) as desk,
        pytest.raises(kind) as caught,
    ):
        desk.approve("churn", "amy")
    assert "secret" not in str(caught.value)
    if kind is InputError:
        assert caught.value.problems == trouble.problems
    elif not isinstance(trouble, RuntimeError):
        assert str(trouble) in str(caught.value)


def test_the_token_of_the_configuration_is_read_anew_at_each_call_and_the_last_one_of_the_file_is_shown(auth, tmp_path):
    with behind_a_door(ScriptedDesk(), None, auth=auth) as server:
        other = tmp_path / "ours"
        other.write_text(TOKEN)
        for settings in (settings_of(server, auth=auth), settings_of(server, DaemonSettings(token_file=other))):
            with reached(settings) as desk:
                assert desk.uploads() == [scripted.UPLOAD]
        with reached(settings_of(server, DaemonSettings(token_file=other), auth=auth)) as desk:
            other.write_text("another-token-0123456789")
            with pytest.raises(InputError) as caught:
                desk.uploads()
            (problem,) = caught.value.problems
            assert problem.finding == "does not know the token"
            assert f"daemon.token_file {other}" in problem.remedy
            other.write_text(TOKEN)
            assert desk.uploads() == [scripted.UPLOAD]
            assert TOKEN not in repr(desk)


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        (None, "cannot be read"),
        ("", "holds no token"),
        (f"sha256:{'a' * 64}\n", "holds no token"),
        ("two words\n", "is no token"),
        (b"\xff\xfe", "not utf-8"),
    ],
    ids=["missing", "empty", "hash", "words", "bytes"],
)
def test_a_file_without_a_token_is_named_and_nothing_of_it_is_shown(tmp_path, text, finding):
    path = tmp_path / "token"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    door = Door("http://127.0.0.1:1", path, "daemon.token_file", configured=True)
    with DaemonDesk(door) as desk, pytest.raises(InputError) as caught:
        desk.uploads()
    (problem,) = caught.value.problems
    assert (problem.place, finding in problem.finding) == (f"daemon.token_file {path}", True)
    assert "two words" not in str(problem)


def test_who_may_only_read_is_told_so(tmp_path, folder):
    (tmp_path / "users").write_text("amy:$2y$04$" + "." * 21 + "." + "." * 31 + "\n")
    (folder / "token").write_text(TOKEN)
    with behind_a_door(ScriptedDesk(), folder, auth=Auth(None, tmp_path / "users")) as server:
        settings = settings_of(server, DaemonSettings(token_file=folder / "token"))
        with reached(settings) as desk, pytest.raises(InputError, match="does not know the token"):
            desk.uploads()


@contextmanager
def silent():
    """Somebody who takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        yield one.getsockname()[:2]


@contextmanager
def saying(*answers):
    """Somebody who says something else: one answer for each connection."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        heard = []

        def serve():
            for answer in answers:
                client, _ = one.accept()
                with client:
                    heard.append(client.recv(65_536))
                    client.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield one.getsockname()[:2], heard
        thread.join(5)


def door_to(address, folder):
    (folder / "token").write_text(TOKEN)
    return Door(f"http://{address[0]}:{address[1]}", folder / "token", "", configured=False)


def test_where_nobody_listens_it_is_told_with_the_address_and_what_to_do(folder):
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = free.getsockname()[:2]
    with DaemonDesk(door_to(address, folder)) as desk:
        for ask in (desk.require, desk.uploads):
            with pytest.raises(NoDaemon, match=f"http://127.0.0.1:{address[1]} cannot be reached .*foldwatch run"):
                ask()


def test_who_does_not_answer_is_away_and_not_gone(folder, monkeypatch):
    monkeypatch.setattr("monitor.revalidate.asking.daemon_desk.ANSWER_SECONDS", 0.2)
    with silent() as address, DaemonDesk(door_to(address, folder)) as desk, pytest.raises(DeskAway) as caught:
        desk.uploads()
    assert not isinstance(caught.value, NoDaemon)


def reply(status, body=b"", *more):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *more]
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (b"", DeskAway, "cannot be reached"),
        (b"SSH-2.0-OpenSSH_9\r\n", DeskAway, "cannot be reached"),
        (reply("503 Busy", b"no upstream"), DeskAway, "no time .no upstream"),
        (reply("502 Bad Gateway"), DeskAway, "no time .502"),
        (reply("302 Found", b"", "Location: http://127.0.0.1:1/elsewhere"), InputError, "answers 302"),
        (reply("404 Not Found", b"<h1>nothing</h1>"), InputError, "answers 404: <h1>nothing</h1>; .*daemon.url"),
        (reply("200 OK", b"<h1>hello</h1>"), InputError, "cannot be understood"),
        (reply("200 OK", b'{"uploads": 3}'), InputError, "cannot be understood"),
        (reply("400 Bad Request", b"this address speaks HTTPS"), InputError, "speaks HTTPS"),
    ],
    ids=["closed", "no http", "busy", "gateway", "redirect", "not found", "page", "other json", "https"],
)
def test_somebody_else_at_the_address_is_told_from_a_daemon(folder, answer, kind, words):
    with (
        saying(answer) as (address, heard),
        DaemonDesk(door_to(address, folder)) as desk,
        pytest.raises(kind, match=words),
    ):
        desk.uploads()
    assert len(heard) == 1


def test_no_proxy_of_the_environment_is_asked(folder, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with behind_a_door(ScriptedDesk(), folder) as server, reached(settings_of(server, store=folder)) as desk:
        assert desk.uploads() == [scripted.UPLOAD]


def test_over_tls_the_authority_of_the_configuration_is_held_against_the_daemon(mounted, authorities, auth):
    with behind_a_door(ScriptedDesk(), None, tls=mounted.tls(), auth=auth) as server:
        url = f"https://localhost:{server.address[1]}/"
        right = DaemonSettings(url, ca_file=authorities.ca)
        with reached(settings_of(server, right, auth=auth)) as desk:
            assert desk.uploads() == [scripted.UPLOAD]
        for wrong in (
            DaemonSettings(url),
            DaemonSettings(url.replace("localhost", "127.0.0.1"), ca_file=authorities.ca),
        ):
            with reached(settings_of(server, wrong, auth=auth)) as desk, pytest.raises(InputError) as caught:
                desk.uploads()
            assert "is not to be trusted" in caught.value.problems[0].finding
            assert "daemon.ca_file" in caught.value.problems[0].remedy
        plain = DaemonSettings(url.replace("https", "http"))
        with reached(settings_of(server, plain, auth=auth)) as desk, pytest.raises(InputError, match="speaks HTTPS"):
            desk.uploads()


def test_on_this_machine_the_daemons_own_certificate_is_enough_and_no_other(mounted, authorities, auth, tmp_path):
    with behind_a_door(ScriptedDesk(), None, tls=mounted.tls(), auth=auth) as server:
        with reached(settings_of(server, tls=mounted.tls(), auth=auth)) as desk:
            assert desk.uploads() == [scripted.UPLOAD]
        certificate, key = issued(authorities.ca, "localhost")
        other = Mounted(tmp_path / "other", cert=certificate, key=key)
        with (
            reached(settings_of(server, tls=other.tls(), auth=auth)) as desk,
            pytest.raises(InputError, match="not to be trusted"),
        ):
            desk.uploads()


def test_where_the_daemon_asks_for_a_certificate_ours_is_shown_and_its_absence_told(mounted, authorities, auth):
    with behind_a_door(ScriptedDesk(), None, tls=mounted.tls(clients=True), auth=auth) as server:
        url = f"https://localhost:{server.address[1]}"
        ours = DaemonSettings(
            url, ca_file=authorities.ca, cert_file=authorities.client, key_file=authorities.client_key
        )
        with reached(settings_of(server, ours, auth=auth)) as desk:
            assert desk.uploads() == [scripted.UPLOAD]
        without = replace(ours, cert_file=None, key_file=None)
        with reached(settings_of(server, without, auth=auth)) as desk, pytest.raises(InputError) as caught:
            desk.uploads()
        assert "daemon.cert_file" in caught.value.problems[0].remedy


def test_files_that_are_no_certificates_are_named(tmp_path, auth):
    (tmp_path / "bad.pem").write_text("no certificate")
    for daemon, place in (
        (DaemonSettings("https://localhost:1", ca_file=tmp_path / "bad.pem"), "daemon.ca_file"),
        (DaemonSettings("https://localhost:1", cert_file=tmp_path / "bad.pem"), "daemon.cert_file"),
        (DaemonSettings("https://localhost:1", ca_file=tmp_path / "missing"), "daemon.ca_file"),
    ):
        with pytest.raises(InputError) as caught:
            DaemonDesk(door_of(Settings({}, server=ServerSettings(auth=auth), daemon=daemon)))
        assert caught.value.problems[0].place.startswith(place)


def test_both_sides_know_the_same_limits_and_names():
    limits = Limits()
    assert (limits.large_body_bytes, limits.body_bytes) == (daemon_desk.LARGEST, daemon_desk.LARGEST_ELSE)
    assert (daemon_desk.LARGE, daemon_desk.KNOCK) == (LARGE, KNOCK)
    assert f"/{calls.PREFIX}" == PREFIX
    assert limits.call_seconds + 10 < daemon_desk.ANSWER_SECONDS


def test_without_a_token_to_be_had_nobody_is_asked(folder):
    assert door_of(Settings({})) is None
    assert door_of(Settings({}, store=folder, server=ServerSettings(("127.0.0.1", 0)))) is None
    assert door_of(Settings({}, store=folder, server=ServerSettings(("192.0.2.1", 80), insecure=True))) is None
    with pytest.raises(InputError, match=r"daemon\.token_file"):
        door_of(Settings({}, daemon=DaemonSettings("http://localhost:1")))


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        (("127.0.0.1", 9464), "http://127.0.0.1:9464"),
        (("::1", 9464), "http://[::1]:9464"),
        (("0.0.0.0", 9464), "http://127.0.0.1:9464"),  # noqa: S104 - what a configuration says
        (("::", 9464), "http://[::1]:9464"),
    ],
)
def test_the_address_of_the_configuration_is_asked_on_this_machine(listen, url, auth):
    assert door_of(Settings({}, server=ServerSettings(listen, auth=auth))).url == url
