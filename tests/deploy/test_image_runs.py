"""What deploy/Dockerfile builds, run as a container would run it: read-only, without rights, as process number 1."""

from __future__ import annotations

import json
import stat
import time
import urllib.request
from datetime import UTC, datetime, timedelta

import pytest
from alert_stack import free_port, until
from image_pod import UID, run_as_pod

import monitor

END = 10.0
"""Seconds that the daemon has to end."""
START = 60.0
CONFIGURATION = """
source:
  kind: files
  predictions: {{path: /tmp/predictions.jsonl}}
  labels: {{path: /tmp/labels.jsonl}}
  dead_letters: {{path: /tmp/dead-letters.jsonl}}
server: {{listen: "127.0.0.1:{port}"}}
store: {{path: /var/lib/foldwatch/state}}
evaluate_every: 1s
models: {{churn: {{classes: [stay, leave], label_horizon: 1h, windows: [1h]}}}}
"""
EVERY_MODULE = """
import importlib, pkgutil, sys, monitor
extra = {"joblib", "pandas", "sklearn"}
for module in pkgutil.walk_packages(monitor.__path__, "monitor.", onerror=lambda name: None):
    if module.name.endswith("__main__"):
        continue
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        if error.name.split(".")[0] not in extra:
            raise
        print(module.name)
print(len([name for name in sys.modules if name.startswith("monitor.")]), "modules")
"""


@pytest.fixture
def pod(tmp_path):
    """A folder with a configuration and two logs, and the port that it says."""
    port = free_port()
    etc, logs = tmp_path / "etc", tmp_path / "pod" / "tmp"
    etc.mkdir()
    logs.mkdir(parents=True)
    (etc / "foldwatch.yaml").write_text(CONFIGURATION.format(port=port))
    tell(logs, 40)
    return tmp_path, port


def tell(logs, n):
    """Append so many predictions with their labels."""
    at = datetime.now(UTC) - timedelta(seconds=5)
    with (logs / "predictions.jsonl").open("a") as predictions, (logs / "labels.jsonl").open("a") as labels:
        first = predictions.tell()
        for i in range(n):
            name = {"prediction_id": f"{first}-{i}", "model": "churn"}
            event = {"version": "3", "y_pred": "stay", "predicted_at": at.isoformat()}
            predictions.write(json.dumps(name | event) + "\n")
            labels.write(json.dumps(name | {"y_true": "stay", "labelled_at": at.isoformat()}) + "\n")


def told(port):
    """Return the metrics, as lines."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        return answer.read().decode().splitlines()


def counted(port, n):
    """Tell whether it says that it has counted so many predictions."""
    return any(line.startswith("foldwatch_predictions_total{") and line.endswith(f" {n}.0") for line in told(port))


def once(image, folder, *arguments, **how):
    """Run a command in a container; return its exit code and what it said."""
    ended = run_as_pod(image, folder, *arguments, **how)
    return ended.wait(START), ended.log


def entries(root):
    """Return everything below a folder: path -> mode, owner, size, time of change."""
    found = {}
    for path in sorted(root.rglob("*")):
        of = path.lstat()
        size = 0 if stat.S_ISDIR(of.st_mode) else of.st_size
        found[str(path.relative_to(root))] = (of.st_mode, of.st_uid, of.st_gid, size, of.st_mtime_ns)
    return found


def test_it_says_its_version_and_its_metadata_agree(image, tmp_path):
    assert once(image, tmp_path, "--version") == (0, f"foldwatch {monitor.__version__}\n")
    ask = "from importlib.metadata import version; print(version('foldwatch'))"
    python = ["/opt/foldwatch/bin/python", "-c", ask]
    assert once(image, tmp_path / "again", *python, entrypoint=[]) == (0, f"{monitor.__version__}\n")


def test_a_container_has_a_user_without_any_right(image, tmp_path):
    asked = ["/bin/sh", "-c", "id -u; id -g; grep -E '^(Cap|NoNew|Groups)' /proc/self/status; echo $$"]
    code, said = once(image, tmp_path, *asked, entrypoint=[])
    rights = [f"Cap{each}:\t{0:016x}" for each in ("Inh", "Prm", "Eff", "Bnd", "Amb")]
    assert code == 0
    assert said.replace("Groups:\t \n", "Groups:\t\n") == "\n".join(
        [f"{UID}", f"{UID}", "Groups:\t", *rights, "NoNewPrivs:\t1", "1", ""]
    )


def test_every_module_finds_what_it_imports_but_for_what_trains_models(image, tmp_path):
    code, said = once(image, tmp_path, "/opt/foldwatch/bin/python", "-c", EVERY_MODULE, entrypoint=[])
    *lacking, last = said.splitlines()
    assert code == 0, said
    assert int(last.split()[0]) > 200
    rooms = {name.rsplit(".", 1)[0] for name in lacking}
    assert rooms == {"monitor.baselines", "monitor.demo", "monitor.revalidate.actions"}


@pytest.mark.parametrize("command", [["demo"], ["baseline", "crossval", "--help"]])
def test_a_command_that_the_image_cannot_run_says_what_is_missing_or_helps(image, tmp_path, command):
    code, said = once(image, tmp_path, *command)
    assert "Traceback" not in said
    assert (code, "crossval" in said) == (0 if "--help" in command else 2, True)


def test_the_tree_belongs_to_root_and_holds_byte_code_but_nothing_that_installs_or_compiles(image):
    venv = image.root / "opt" / "foldwatch"
    found = {path: path.lstat() for path in venv.rglob("*")}
    assert len(found) > 2000
    loose = [path for path, of in found.items() if of.st_uid or (of.st_mode & 0o022 and not path.is_symlink())]
    assert loose == []
    packages = next(venv.glob("lib/python3*/site-packages"))
    assert not [name for name in ("pip", "setuptools", "wheel", "hatchling", "pytest") if (packages / name).exists()]
    assert not list((image.root / "usr/local").rglob("*ensurepip*"))
    assert not (image.root / "opt" / "build").exists()
    assert not any((image.root / "root").iterdir())
    assert {path.name for path in (venv / "bin").iterdir()} & {"pip", "pip3", "hatchling"} == set()
    cached = {path.name.split(".")[0] for path in (packages / "monitor/__pycache__").iterdir()}
    assert cached == {path.stem for path in (packages / "monitor").glob("*.py")}
    assert not (packages / "monitor" / "tests").exists()


def test_a_configuration_is_checked_and_a_missing_one_is_named(image, pod):
    folder, _ = pod
    code, said = once(image, folder / "check", "check", "--config", "/etc/foldwatch/foldwatch.yaml", etc=folder / "etc")
    assert (code, said.splitlines()[0]) == (0, "/etc/foldwatch/foldwatch.yaml: valid")
    code, said = once(image, folder / "missing")
    assert code == 2
    assert "/etc/foldwatch/foldwatch.yaml" in said


def test_it_follows_logs_serves_and_ends_by_sigterm_with_nothing_written_but_state_and_tmp(image, pod):
    folder, port = pod
    before = entries(image.root)
    run = {"etc": folder / "etc", "state": folder / "state"}
    with run_as_pod(image, folder / "pod", **run) as first:
        until(lambda: first.answers(f"http://127.0.0.1:{port}/-/ready"), "the pod is ready", START)
        assert first.answers(f"http://127.0.0.1:{port}/-/healthy")
        until(lambda: counted(port, 40), "40 predictions are counted")
        assert len(told(port)) > 100
        began = time.monotonic()
        first.terminate()
        assert first.wait(END) == 0
        assert time.monotonic() - began < END
    assert entries(image.root) == before
    assert {path.name for path in (folder / "pod" / "tmp").iterdir()} == {
        "dead-letters.jsonl",
        "labels.jsonl",
        "predictions.jsonl",
    }
    assert {path.stat().st_uid for path in (folder / "state").rglob("*")} == {UID}
    assert all(json.loads(line)["event"] for line in first.log.splitlines())
    tell(folder / "pod" / "tmp", 2)
    with run_as_pod(image, folder / "pod", **run) as second:
        until(lambda: second.answers(f"http://127.0.0.1:{port}/-/ready"), "the pod is ready again", START)
        until(lambda: counted(port, 42), "it goes on where it was")
        second.terminate()
        assert second.wait(END) == 0


def test_without_a_volume_for_the_state_it_names_the_folder_and_ends(image, pod):
    folder, _ = pod
    code, said = once(image, folder / "pod", etc=folder / "etc")
    assert code == 2
    assert "/var/lib/foldwatch/state" in said
    assert "Traceback" not in said
