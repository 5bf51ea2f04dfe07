"""deploy/systemd: the unit is accepted, shut in, and foldwatch runs under what it allows."""

from __future__ import annotations

import re
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from collections import defaultdict

import pytest
from alert_stack import free_port, until
from certificates import certify
from image_build import ROOT
from image_dockerfile import stages
from image_pod import run_as_pod

from monitor.cli import main
from monitor.config import load

FOLDER = ROOT / "deploy" / "systemd"
UNIT = FOLDER / "foldwatch.service"
EXPOSURE = 1.5
"""The worst that `systemd-analyze security` may say; the demand is 3.0."""
TOKEN = "a-token-of-the-test-long-enough-to-be-one"  # noqa: S105 - the test's own
CREDENTIALS = "/run/credentials/foldwatch.service/"
PROBE = """
import ctypes, mmap, os, resource, sys
def refused(what):
    try:
        what()
    except OSError as error:
        return error.errno == 1
    return False
libc = ctypes.CDLL(None, use_errno=True)
assert libc.syscall(165, 0, 0, 0, 0, 0) == -1 and ctypes.get_errno() == 1, "mount"
assert refused(lambda: os.chroot("/")), "@privileged"
assert refused(lambda: os.sched_setaffinity(0, {0})), "@resources"
print("confined")
"""


def settings(*paths):
    """Return key -> values, in the order in which systemd reads them."""
    found = defaultdict(list)
    for path in paths:
        for line in path.read_text().splitlines():
            if line and line[0] not in "#[":
                key, _, value = line.partition("=")
                found[key].append(value)
    return found


SETTINGS = settings(UNIT)
DROP_IN = settings(FOLDER / "foldwatch.service.d" / "credentials.conf")


@pytest.fixture
def units(tmp_path):
    """The unit and its drop-in, beside each other, with a command that this machine has."""
    shutil.copytree(FOLDER, tmp_path / "units")
    unit = tmp_path / "units" / "foldwatch.service"
    text = unit.read_text()
    assert "ExecStart=/opt/foldwatch/bin/foldwatch " in text
    unit.write_text(text.replace("ExecStart=/opt/foldwatch/bin/foldwatch ", f"ExecStart={shutil.which('true')} "))
    return tmp_path / "units"


def test_systemd_accepts_the_unit_with_its_drop_in(systemd_analyze, units):
    def verified():
        done = subprocess.run(
            [systemd_analyze, "verify", "--man=no", "--recursive-errors=no", units / "foldwatch.service"],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, [line for line in done.stderr.splitlines() if "foldwatch" in line]

    assert verified() == (0, [])
    for path in (units / "foldwatch.service", units / "foldwatch.service.d" / "credentials.conf"):
        text = path.read_text()
        path.write_text(text.replace("[Service]", "[Service]\nMisspelt=1"))
        assert any("Misspelt" in line for line in verified()[1]), "it would overlook a mistake"
        path.write_text(text)


def test_the_service_is_shut_in_far_below_what_is_asked(systemd_analyze):
    words = [systemd_analyze, "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE * 10:.0f}", UNIT]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert float(re.search(r"Overall exposure level for foldwatch.service: (\d+\.\d+)", done.stdout)[1]) <= EXPOSURE


def test_it_runs_what_the_image_runs_and_keeps_its_state_where_systemd_lets_it():
    image = stages((ROOT / "deploy" / "Dockerfile").read_text())[-1]
    (command,) = SETTINGS["ExecStart"]
    assert command.split() == [f"/opt/foldwatch/bin/{image.entrypoint[0]}", *image.command]
    store = load(FOLDER / "foldwatch.yaml").store
    assert store.parts[:4] == ("/", "var", "lib", SETTINGS["StateDirectory"][0])
    assert command.split()[3].startswith(f"/etc/{SETTINGS['ConfigurationDirectory'][0]}/")


def test_a_configuration_that_is_not_valid_is_not_tried_again_and_a_full_disk_is():
    assert SETTINGS["Restart"] == ["on-failure"]
    assert SETTINGS["RestartPreventExitStatus"] == ["2"]
    assert SETTINGS["StartLimitIntervalSec"] == ["0"]
    assert "SuccessExitStatus" not in SETTINGS


def test_limits_are_set():
    assert {key: SETTINGS[key] for key in ("TimeoutStopSec", "MemoryMax", "LimitNOFILE", "LimitCORE")} == {
        "TimeoutStopSec": ["30s"],
        "MemoryMax": ["1G"],
        "LimitNOFILE": ["65536"],
        "LimitCORE": ["0"],
    }


def test_every_secret_of_the_example_is_a_credential_and_no_other_is_loaded():
    named = set(re.findall(re.escape(CREDENTIALS) + r"([\w.]+)", (FOLDER / "foldwatch.yaml").read_text()))
    loaded = {value.split(":")[0]: value.split(":")[1] for value in DROP_IN["LoadCredential"]}
    assert set(loaded) == named == {"tls.crt", "tls.key", "bearer.token"}
    assert all(path == f"/etc/foldwatch/secrets/{name}" for name, path in loaded.items())
    assert SETTINGS["DynamicUser"] == ["yes"]


def test_the_example_configuration_passes_check_with_credentials_where_systemd_puts_them(tmp_path, openssl, capsys):
    made = certify(openssl, tmp_path / "made")
    given = give(tmp_path / "credentials", made)
    here = tmp_path / "foldwatch.yaml"
    here.write_text((FOLDER / "foldwatch.yaml").read_text().replace(CREDENTIALS, f"{given}/"))
    assert main(["check", "--config", str(here)]) == 0
    assert "valid" in capsys.readouterr().out


def give(folder, made):
    """Write what the example names, as systemd lays it out; returns the folder."""
    folder.mkdir(parents=True)
    for name in ("tls.crt", "tls.key"):
        shutil.copyfile(made.server, folder / name)  # both are in one file
    (folder / "bearer.token").write_text(TOKEN + "\n")
    return folder


def allowed(systemd_analyze):
    """Return the names of the system calls that the unit allows, from systemd's own lists."""

    def members(group):
        done = subprocess.run([systemd_analyze, "syscall-filter", group], capture_output=True, text=True, check=True)
        words = [line.strip() for line in done.stdout.splitlines()[1:]]
        found = {word for word in words if re.fullmatch(r"\w+", word)}
        return found.union(*(members(word) for word in words if re.fullmatch(r"@[\w-]+", word)))

    granted, *taken = SETTINGS["SystemCallFilter"]
    assert granted == "@system-service"
    assert taken == ["~@privileged @resources"]
    without = set().union(*(members(group) for group in taken[0].removeprefix("~").split()))
    return members("@default") | members(granted) - without


def test_its_example_runs_under_the_unit_s_own_filter_of_system_calls_with_kafka_tls_and_a_token(
    systemd_analyze, image, broker, openssl, tmp_path
):
    port, etc, certificates = free_port(), tmp_path / "etc", certify(openssl, tmp_path / "made")
    give(etc / "credentials", certificates)
    shutil.copyfile(ROOT / "tests" / "support" / "image_confined.py", etc / "confined.py")
    (etc / "allowed").write_text("\n".join(sorted(allowed(systemd_analyze))))
    text = (FOLDER / "foldwatch.yaml").read_text().replace(CREDENTIALS, "credentials/")
    for kind in ("predictions", "labels", "dead-letters"):
        text = text.replace(f"{{topic: {kind}}}", f"{{topic: {broker.topic(kind)}}}")
    places = {
        "kafka.example.com:9092": broker.bootstrap,
        "0.0.0.0:9464": f"127.0.0.1:{port}",
        "127.0.0.1:9465": "127.0.0.1:0",
    }
    for old, new in places.items():
        text = text.replace(old, new)
    (etc / "foldwatch.yaml").write_text(text)
    confined = ["python", "/etc/foldwatch/confined.py", "/etc/foldwatch/allowed"]
    ended = run_as_pod(image, tmp_path / "probe", "python", "-c", PROBE, etc=etc, entrypoint=confined)
    assert ended.wait(30) == 0, ended.log
    environment = dict(pair.split("=") for line in SETTINGS["Environment"] for pair in line.split())
    run = {"etc": etc, "state": tmp_path / "state", "entrypoint": [*confined, *image.stage.entrypoint]}
    with run_as_pod(image, tmp_path / "pod", environment=environment, **run) as running:
        until(lambda: asked(running, port, certificates.ca, "/-/ready") == 200, "it is ready", 60)
        assert asked(running, port, certificates.ca, "/metrics") == 401
        assert asked(running, port, certificates.ca, "/metrics", f"Bearer {TOKEN}") == 200
        running.terminate()
        assert running.wait(10) == 0, running.log
    assert "Operation not permitted" not in running.log


def asked(running, port, authority, path, credentials=""):
    """Return the status of an answer over TLS; 0: nobody answers yet."""
    assert not running.ended, running.log
    headers = {"Authorization": credentials} if credentials else {}
    request = urllib.request.Request(f"https://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=authority), timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0
