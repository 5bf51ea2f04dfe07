"""`check` of what lets people in: one line that says who, every broken file, and what will disappoint."""

import hashlib
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import bcrypt
import pytest
from certificates import certify
from tls_files import issued

from monitor.cli import main

ROOT = Path(__file__).parent.parent.parent
TOKEN = "b3f1c2d4e5a697887766554433221100"  # noqa: S105 - the test's own
CONFIG = """\
source: {kind: files, predictions: {path: p.jsonl}, labels: {path: l.jsonl}}
server: {SERVER}
models:
  churn:
    classes: [stay, leave]
    baseline: {}
    objectives: [{name: leave-recall, metric: recall, class: leave, window: 24h}]
"""
EVERYTHING = (
    "{listen: 0.0.0.0:9464, probes: 0.0.0.0:9465, "
    "tls: {cert_file: server.pem, key_file: server.key, client_ca_file: ca.pem}, "
    "auth: {bearer_token_file: token, basic_users_file: users}}"
)
HASHED = "$2b$10$daUGwYQYaIEqm4UrA1CNKeLZM/0Eb4QgbFK5.9ZMAZtUykfTYfVZe"
"""Of `open sesame`. The same in each run, since it stands in names of tests."""


@pytest.fixture(scope="module")
def certificates(openssl, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    certify(openssl, folder)
    return folder


@pytest.fixture
def folder(tmp_path, certificates):
    for name in ("ca.pem", "server.pem", "server.key"):
        (tmp_path / name).write_bytes((certificates / name).read_bytes())
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    (tmp_path / "users").write_text(f"amy:{HASHED}\nprometheus:{HASHED}\n")
    for name in ("server.key", "token", "users"):
        (tmp_path / name).chmod(0o440)
    return tmp_path


@pytest.fixture
def checked(folder, capsys):
    """Run `check` with a `server`; return (exit code, the line of the server, warnings or problems about it)."""

    def run(server=EVERYTHING):
        (folder / "c.yaml").write_text(CONFIG.replace("{SERVER}", server))
        code = main(["check", "--config", str(folder / "c.yaml")])
        said = capsys.readouterr()
        about = [line.replace(str(folder), "F") for line in said.err.splitlines() if "server" in line]
        assert TOKEN not in said.out + said.err
        assert HASHED not in said.out + said.err
        return code, next((line for line in said.out.splitlines() if line.startswith("server ")), ""), about

    return run


def rewrite(path, text, mode=0o440):
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(mode)


def test_who_may_read_is_said_in_one_line_and_a_day_s_certificate_is_warned_of(checked):
    code, line, warnings = checked()
    assert code == 0
    assert line == (
        "server     https://0.0.0.0:9464, bearer token, 2 users, client certificates, "
        "probes on http://0.0.0.0:9465, every 60s"
    )
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
    assert [warning.partition(f" at {tomorrow}")[0] for warning in warnings] == [
        "warning: server.tls.cert_file F/server.pem: the certificate expires",
        "warning: server.tls.client_ca_file F/ca.pem: the certificate expires",
    ]
    assert "; renew it" in warnings[0]


@pytest.mark.parametrize(
    ("server", "line"),
    [
        ("{}", "http://127.0.0.1:9464, every 60s"),
        ("{listen: '[::1]:1'}", "http://[::1]:1, every 60s"),
        ("{auth: {bearer_token_file: token}}", "http://127.0.0.1:9464, bearer token, every 60s"),
        ("{auth: {basic_users_file: users}}", "http://127.0.0.1:9464, 2 users, every 60s"),
    ],
)
def test_what_is_not_asked_for_is_not_in_the_line(checked, server, line):
    assert checked(server) == (0, f"server     {line}", [])


def test_two_tokens_of_a_rotation_and_one_user_are_counted(checked, folder):
    rewrite(folder / "token", f"{TOKEN}\nsha256:{hashlib.sha256(b'next').hexdigest()}\n")
    rewrite(folder / "users", f"amy:{HASHED}\n")
    assert "2 bearer tokens, 1 user, " in checked()[1]


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("token", None, "server.auth.bearer_token_file F/token: is not there; write it"),
        ("token", "\n# none\n", "server.auth.bearer_token_file F/token: holds no token; make one with"),
        ("token", f"{TOKEN} x\n", "server.auth.bearer_token_file F/token:1: has a blank inside"),
        ("users", None, "server.auth.basic_users_file F/users: is not there; write it"),
        ("users", "", "server.auth.basic_users_file F/users: holds no user; write the line with `htpasswd -B"),
        (
            "users",
            f"amy:{HASHED}\nbob:$apr1$x$y\n",
            "server.auth.basic_users_file F/users:2: the hash is MD5 (apr1), n",
        ),
    ],
)
def test_a_file_that_run_would_refuse_is_refused(checked, folder, name, text, problem):
    (folder / name).unlink()
    if text is not None:
        rewrite(folder / name, text)
    code, line, (told,) = checked()
    assert (code, line) == (2, "")
    assert told.startswith(problem)


def test_every_broken_file_is_named_at_once(checked, folder):
    rewrite(folder / "token", "")
    rewrite(folder / "users", "amy\n")
    rewrite(folder / "server.key", "no key")
    code, _, told = checked()
    assert code == 2
    assert [line.split()[0] for line in told] == [
        "server.tls.key_file",
        "server.auth.bearer_token_file",
        "server.auth.basic_users_file",
    ]


@pytest.mark.parametrize("name", ["token", "users", "server.key"])
def test_a_secret_that_everybody_on_the_machine_may_read_is_warned_of(checked, folder, name):
    (folder / name).chmod(0o644)
    warnings = [line for line in checked()[2] if "expires" not in line]
    assert [f"F/{name}: every user of this machine may read it (mode 0644)" in line for line in warnings] == [True]
    assert "chmod o=" in warnings[0]


def test_what_can_be_guessed_is_warned_of(checked, folder):
    rewrite(folder / "token", "hunter2\n")
    rewrite(folder / "users", f"amy:{bcrypt.hashpw(b'x', bcrypt.gensalt(5)).decode()}\n")
    warnings = [line for line in checked()[2] if "expires" not in line]
    assert [
        "F/token:1: the token is shorter than 16 characters" in warnings[0],
        "F/users:1: bcrypt's cost is 5" in warnings[1],
    ] == [True, True]
    assert "hunter2" not in "".join(warnings)


def test_what_is_open_to_others_is_warned_of_and_valid(checked):
    code, line, (warning,) = checked("{listen: 0.0.0.0:9464, insecure: true, auth: {bearer_token_file: token}}")
    assert (code, line) == (0, "server     http://0.0.0.0:9464, bearer token, every 60s")
    assert "server.auth: without `tls` tokens and passwords cross the network in clear" in warning


def test_an_expired_certificate_is_refused_by_check(checked, certificates, folder):
    certificate, key = issued(certificates / "ca.pem", "server", hours=-1)
    (folder / "server.pem").write_bytes(certificate)
    (folder / "server.key").chmod(0o640)
    (folder / "server.key").write_bytes(key)
    code, _, (told,) = checked()
    assert code == 2
    assert told.startswith("server.tls.cert_file F/server.pem: the certificate expired at ")


def test_run_refuses_the_same_files_with_one_line_each(folder):
    rewrite(folder / "token", "")
    rewrite(folder / "users", "amy:plain\nbob:{SHA}x\n")
    (folder / "c.yaml").write_text(CONFIG.replace("{SERVER}", EVERYTHING.replace("0.0.0.0:946", "127.0.0.1:")))
    command = [sys.executable, "-m", "monitor", "run", "--config", "c.yaml"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 2
    assert [line.partition(": ")[0] for line in ended.stderr.splitlines()] == [
        "server.auth.bearer_token_file token",
        "server.auth.basic_users_file users:1",
        "server.auth.basic_users_file users:2",
    ]
    assert "plain" not in ended.stderr
