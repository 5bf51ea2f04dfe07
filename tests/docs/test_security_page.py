"""The page on security: its configurations are understood, its commands run, and what it says of the disk is so."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from alert_stack import free_port, until
from certificates import certify
from guarded_daemon import PASSWORD, TOKEN, GuardedDaemon, hashed
from tls_files import issued

from monitor.config import Auth, load
from monitor.serve.access import access_problems
from monitor.serve.limits import Limits
from monitor.serve.logins import _MOST_WAITING
from monitor.serve.tokens import read_tokens
from monitor.serve.users import MOST_PASSWORD_BYTES, read_users
from monitor.stream.sampled import DAYS, ROWS

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs/security.md").read_text(encoding="utf-8")
CHECKLIST = PAGE.partition("## Hardening checklist\n")[2]
ID, USER, INCOME, REGION = "customer-4711", "user-99", "123456789", "atlantis"


def blocks(text, language):
    """Every block of a language, without what it is indented by."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


PRELUDE, *CHECKS = blocks(CHECKLIST, "sh")
COMMANDS = [re.fullmatch(r"(.+?) +# (.+)", line).groups() for block in CHECKS for line in block.splitlines()]


def bash(lines, folder):
    """Run lines as a person would, with our commands on the path; return what they print."""
    (folder / "bin").mkdir(exist_ok=True)
    for name, call in (("foldwatch", "-m monitor"), ("python", "")):
        (folder / "bin" / name).write_text(f'#!/bin/sh\nexec {sys.executable} {call} "$@"\n')
        (folder / "bin" / name).chmod(0o755)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
    command = ["bash", "-c", lines]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False).stdout


@pytest.fixture(scope="module")
def running(openssl, tmp_path_factory):
    """A daemon that is set up as the page says, and has read events; and the ports that it took."""
    folder, ports = tmp_path_factory.mktemp("hardened"), (free_port(), free_port())
    certify(openssl, folder)
    certificate, key = issued(folder / "ca.pem", "localhost", hours=24 * 20)
    now = int(time.time() * 1000) - 5_000
    event = {
        "prediction_id": ID,
        "model": "churn",
        "version": "3",
        "predicted_at": now,
        "y_pred": "leave",
        "score": 0.7,
    }
    event |= {"entity": USER, "features": {"income": int(INCOME)}, "segment": {"region": REGION}}
    label = {"prediction_id": ID, "model": "churn", "y_true": "leave", "labelled_at": now + 1_000}
    files = {
        "tls.crt": certificate,
        "tls.key": key,
        "ca.crt": (folder / "ca.pem").read_bytes(),
        "token": TOKEN.encode(),
        "users": f"amy:{hashed(PASSWORD)}\n".encode(),
        "password": PASSWORD.encode(),
        "predictions.jsonl": (json.dumps(event) + "\nno event\n").encode(),
        "labels.jsonl": (json.dumps(label) + "\n").encode(),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o440)
    server = blocks(PAGE, "yaml")[0].replace("0.0.0.0:9464", f"127.0.0.1:{ports[0]}").replace("9465", str(ports[1]))
    config = f"""
source:
  kind: files
  predictions: {{path: predictions.jsonl}}
  labels: {{path: labels.jsonl}}
  dead_letters: {{path: dead-letters.jsonl}}
store: {{path: state}}
{server}
evaluate_every: 1s
models: {{churn: {{classes: [stay, leave], windows: [1h], label_horizon: 0s, segments: [region]}}}}
"""
    with GuardedDaemon(folder, openssl, config=config, umask=0o077) as daemon:
        until(lambda: (folder / "dead-letters.jsonl").exists() and "evaluated" in daemon.log, "the events are read")
        yield folder, ports


def test_the_checklist_has_a_command_behind_each_line_that_can_be_run_here():
    numbers = [int(number) for number in re.findall(r"^(\d+)\. ", CHECKLIST, re.MULTILINE)]
    assert numbers == list(range(1, 16))
    assert len(CHECKS) == 12
    assert len(COMMANDS) == 20


@pytest.mark.parametrize(("command", "shown"), COMMANDS, ids=[command for command, _ in COMMANDS])
def test_each_command_of_the_checklist_prints_what_the_page_says(running, command, shown):
    folder, (port, probes) = running
    prelude = PRELUDE.replace("9464", str(port)).replace("9465", str(probes))
    assert bash(f"{prelude}\n{command}", folder).strip() == shown


def test_a_line_of_the_checklist_fails_where_something_is_wrong(running):
    folder, (port, _) = running
    prelude = PRELUDE.replace("9464", str(port))
    (folder / "state" / "leak").write_text(ID)
    (folder / "state" / "leak").chmod(0o644)
    try:
        shown = [bash(f"{prelude}\n{command}", folder).strip() for command, _ in COMMANDS if " state " in command]
    finally:
        (folder / "state" / "leak").unlink()
    assert shown == ["1", "1"]


def test_neither_ids_nor_entities_nor_features_are_kept_and_names_of_segments_are(running):
    folder, _ = running
    kept = b"".join(path.read_bytes() for path in sorted((folder / "state").iterdir()))
    assert [secret for secret in (ID, USER, INCOME, TOKEN, PASSWORD) if secret.encode() in kept] == []
    assert REGION.encode() in kept
    assert "no event" in (folder / "dead-letters.jsonl").read_text()


def test_the_command_for_people_shows_the_objectives(running):
    folder, (port, _) = running
    (line,) = [block for block in blocks(PAGE, "sh") if "objectives" in block]
    assert json.loads(bash(line.replace("9464", str(port)), folder)) == {"objectives": []}


def test_the_commands_that_make_secrets_make_such_as_are_taken_and_nobody_else_may_read(tmp_path):
    (tmp_path / "password").write_text("correct horse\n")
    made = [block for block in blocks(PAGE, "sh") if "rand -hex" in block or "bcrypt.gensalt" in block]
    assert len(made) == 2
    bash("umask 077\n" + "\n".join(made), tmp_path)
    plain = read_tokens("F", (tmp_path / "token").read_bytes())
    assert plain == read_tokens("F", (tmp_path / "token.hashed").read_bytes())
    assert len(read_users("F", (tmp_path / "users").read_bytes())) == 1
    assert access_problems(Auth(tmp_path / "token", tmp_path / "users")) == []
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("token", "token.hashed", "users")] == [0o600] * 3


def test_the_configuration_is_understood(tmp_path):
    (tmp_path / "c.yaml").write_text(blocks(PAGE, "yaml")[0] + "models: {churn: {classes: [stay, leave]}}\n")
    server = load(tmp_path / "c.yaml").server
    assert server.tls.cert_file == tmp_path / "tls.crt"
    assert server.auth == Auth(tmp_path / "token", tmp_path / "users")
    assert server.probes[1] == 9465
    assert not server.insecure


def test_prometheus_itself_takes_the_scrape_configuration(promtool, tmp_path):
    text = blocks(PAGE, "yaml")[1].replace("/etc/prometheus/foldwatch", str(tmp_path))
    assert {job["scheme"] for job in yaml.safe_load(text)["scrape_configs"]} == {"https"}
    for name in ("ca.crt", "token", "password"):
        (tmp_path / name).touch()
    (tmp_path / "prometheus.yml").write_text(text)
    subprocess.run([promtool, "check", "config", str(tmp_path / "prometheus.yml")], check=True, capture_output=True)


def test_the_numbers_of_the_page_are_those_of_the_code():
    assert f"up to {MOST_PASSWORD_BYTES} bytes" in PAGE
    assert f"more than {_MOST_WAITING} wait" in PAGE
    limits = Limits()
    assert limits.look_seconds < 60
    assert f"up to {limits.body_bytes >> 20} MiB, or {limits.large_body_bytes >> 20} MiB for a baseline" in PAGE
    assert f"within {limits.body_seconds:g} s, and never slower than" in PAGE
    assert f"{limits.progress_bytes >> 10} KiB in {limits.progress_seconds:g} s" in PAGE
    assert f"bodies together take {limits.bodies_bytes >> 20} MiB, {limits.calls} calls wait" in PAGE
    assert (f"at most {ROWS} predictions a day" in PAGE, f"{DAYS} days" in PAGE) == (True, True)
