import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import pytest

from monitor.cli import main
from monitor.cli.connect import findings
from monitor.config import load
from monitor.config.finding import Finding, Level, Step
from monitor.config.places import unusable, unwritable
from monitor.state.disk.checkpoint import FORMAT
from monitor.state.disk.durable import RocksState
from monitor.state.disk.rocksdb import DEFAULT, Batch, Database

ROOT = Path(__file__).parents[2]
CONFIG = """\
source:
  kind: files
  predictions: {path: p.jsonl}
  labels: {path: l.jsonl}
  dead_letters: {path: letters/d.jsonl}
store: {path: state}
models:
  churn: {classes: [stay, leave]}
"""
PREDICTION = {
    "prediction_id": "a",
    "model": "churn",
    "version": "3",
    "predicted_at": 1_767_225_600_000,
    "y_pred": "stay",
}
LABEL = {"prediction_id": "a", "model": "churn", "y_true": "stay", "labelled_at": 1_767_225_600_000}


@pytest.fixture
def logs(tmp_path):
    """Two good logs."""
    (tmp_path / "p.jsonl").write_text((json.dumps(PREDICTION) + "\n") * 3)
    (tmp_path / "l.jsonl").write_text((json.dumps(LABEL) + "\n") * 2)
    return tmp_path


@pytest.fixture
def connected(logs, capsys):
    """Run `check --connect`, and return (exit code, subject -> its lines as (level, text))."""

    def run(config=CONFIG):
        (logs / "c.yaml").write_text(config, encoding="utf-8")
        code = main(["check", "--config", str(logs / "c.yaml"), "--connect"])
        said = capsys.readouterr()
        found = {}
        for line in said.out.splitlines():
            level, _, rest = line.partition(" ")
            if level in set(Level):
                subject, _, text = rest.strip().partition("  ")
                found.setdefault(subject, []).append((level, text.strip()))
        assert found or code == 2, said.err
        return code, found

    return run


def test_files_that_are_well_are_ok_and_nothing_is_made(connected, logs):
    (logs / "c.yaml").touch()
    before = sorted(logs.iterdir())
    code, found = connected()
    assert code == 0
    assert found["predictions"][0][1].startswith(
        f"{logs}/p.jsonl: {3 * (len(json.dumps(PREDICTION)) + 1)} bytes, last written"
    )
    assert found["predictions"][1] == ("ok", "of 3 sampled predictions none would be a dead letter")
    assert found["labels"][1] == ("ok", "of 2 sampled labels none would be a dead letter")
    assert found["dead letters"] == [("ok", f"{logs}/letters/d.jsonl can be written")]
    assert [level for level, _ in found["state"]] == ["ok"]
    assert sorted(logs.iterdir()) == before


def test_a_file_that_is_not_there_fails(connected, logs):
    (logs / "l.jsonl").unlink()
    code, found = connected()
    assert code == 1
    assert found["labels"] == [
        ("failed", f"{logs}/l.jsonl is not there; correct source.labels.path, or whoever writes it")
    ]
    assert [level for level, _ in found["predictions"]] == ["ok", "ok"]


def test_a_directory_in_the_place_of_a_file_fails(connected, logs):
    (logs / "p.jsonl").unlink()
    (logs / "p.jsonl").mkdir()
    (logs / "letters/d.jsonl").mkdir(parents=True)
    code, found = connected()
    assert code == 1
    assert found["predictions"][0][0] == "failed"
    assert "p.jsonl is a directory" in found["predictions"][0][1]
    assert "d.jsonl is a directory" in found["dead letters"][0][1]


def test_only_the_end_of_a_long_log_is_looked_at_and_its_unfinished_line_is_not(connected, logs):
    good = json.dumps(PREDICTION) + "\n"
    with (logs / "p.jsonl").open("w") as log:
        log.write("junk\n" * 1_000)
        log.write(good * (2**20 // len(good) + 10))
        log.write(good[:20])
    _, found = connected()
    level, text = found["predictions"][1]
    assert (level, text.endswith("none would be a dead letter")) == ("ok", True)


def test_what_would_be_a_dead_letter_is_said(connected, logs):
    with (logs / "l.jsonl").open("a") as log:
        log.write("junk\n")
    code, found = connected()
    assert code == 0
    assert found["labels"][1][0] == "warning"
    assert "of 3 sampled labels 1 would be dead letters: not JSON 1 (" in found["labels"][1][1]


def test_a_configuration_without_a_source_has_nothing_to_connect_to(logs, capsys):
    (logs / "c.yaml").write_text("models: {churn: {classes: [stay, leave]}}")
    assert main(["check", "--config", str(logs / "c.yaml"), "--connect"]) == 2
    assert "source.kind: is missing" in capsys.readouterr().err


def test_without_a_store_nothing_is_said_of_the_state(connected):
    code, found = connected(CONFIG.replace("store: {path: state}\n", ""))
    assert code == 0
    assert "state" not in found


# --- the state ---------------------------------------------------------------------------------------------------


@pytest.fixture
def state(logs):
    """A state that a daemon left behind."""
    (logs / "c.yaml").write_text(CONFIG)
    settings = load(logs / "c.yaml")
    RocksState(settings.store, settings.models).close()
    return settings.store


def contents(folder):
    """The files of a folder but for what the library notes of itself."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "rocksdict-config.json"}


def test_a_state_of_this_configuration_is_fine_and_stays_as_it_is(connected, state):
    before = contents(state)
    code, found = connected()
    assert code == 0
    assert found["state"] == [("ok", f"{state} can be read and written, 0 MiB")]
    assert contents(state) == before


def test_an_empty_folder_is_fine(connected, logs):
    (logs / "state").mkdir()
    code, found = connected()
    assert code == 0
    assert found["state"] == [("ok", f"{logs}/state is empty and can be written: the first start begins anew")]


def test_a_state_in_use_by_a_running_daemon_is_fine(connected, state):
    program = (
        "import sys; from pathlib import Path; from monitor.state.disk.rocksdb import Database\n"
        "database = Database(Path(sys.argv[1])); print('open', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(state)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as daemon:
        assert daemon.stdout.readline() == b"open\n"
        code, found = connected()
        daemon.stdin.close()
    assert code == 0
    assert found["state"] == [("ok", f"{state} is in use by a running daemon (its process is {daemon.pid})")]
    assert connected()[1]["state"][0][1].startswith(f"{state} can be read and written")


def test_a_state_of_another_configuration_fails_with_each_key(connected, state):
    code, found = connected(CONFIG.replace("[stay, leave]", "[stay, leave, new], label_first_wait: 2d"))
    assert code == 1
    assert [(level, text.partition(": ")[0]) for level, text in found["state"]] == [
        ("failed", "models.churn.classes"),
        ("failed", "models.churn.label_first_wait"),
    ]
    assert all(str(state) in text for _, text in found["state"])


def test_a_damaged_state_fails(connected, state):
    (state / "CURRENT").write_text("nonsense\n")
    code, found = connected()
    assert code == 1
    ((level, text),) = found["state"]
    assert (level, str(state) in text) == ("failed", True)
    assert "start again" in text


def test_a_folder_of_somebody_else_fails(connected, logs):
    (logs / "state").mkdir()
    (logs / "state/thesis.tex").touch()
    code, found = connected()
    assert code == 1
    assert "holds files that are not ours (thesis.tex)" in found["state"][0][1]
    assert [path.name for path in (logs / "state").iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("place", ["p.jsonl", "p.jsonl/below/state"])
def test_a_file_in_the_way_of_the_state_fails(connected, logs, place):
    code, found = connected(CONFIG.replace("path: state", f"path: {place}"))
    assert code == 1
    ((level, text),) = found["state"]
    assert (level, f"{logs}/p.jsonl is a file" in text) == ("failed", True)
    assert "store.path" in text


@pytest.fixture
def nobody():
    """Have no rights for as long as a test lasts: who runs it may be root, whom no permission stops."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65_534)
    yield
    os.seteuid(before)


@pytest.fixture
def closed():
    """A folder in which nobody may make a file."""
    with tempfile.TemporaryDirectory() as outer:
        Path(outer).chmod(0o755)
        folder = Path(outer) / "closed"
        folder.mkdir(mode=0o555)
        yield folder


@pytest.mark.usefixtures("nobody")
def test_a_folder_that_we_may_not_write_is_of_no_use(closed):
    assert unusable(closed) == "cannot be written: permission denied"
    assert unusable(closed / "a/b") == f"cannot be written: {closed} cannot be written: permission denied"
    assert unwritable(closed / "d.jsonl") == "cannot be written: permission denied"
    assert list(closed.iterdir()) == []


def test_a_disk_that_is_about_to_be_full_is_warned_of(connected, state, monkeypatch):
    real = os.statvfs(state)
    little = 100 * 2**20 // real.f_frsize
    monkeypatch.setattr("os.statvfs", lambda _: os.statvfs_result((*real[:4], little, *real[5:])))
    code, found = connected()
    assert code == 0
    level, text = found["state"][1]
    assert (level, "100 MiB are free" in text or "99 MiB are free" in text) == ("warning", True)


def test_a_state_whose_format_is_of_tomorrow_fails(connected, state):
    database = Database(state)
    batch = Batch()
    batch.put(database.family(DEFAULT), [b"format"], [msgspec.msgpack.encode(FORMAT + 1)])
    database.write(batch)
    database.close()
    code, found = connected()
    assert code == 1
    assert f"a newer foldwatch, in format {FORMAT + 1}" in found["state"][0][1]


# --- the time ----------------------------------------------------------------------------------------------------


def test_a_question_that_is_never_answered_fails_in_time_and_is_the_last():
    fine = Finding(Level.OK, "broker", "is there")

    def asked():
        yield fine
        time.sleep(60)

    begun = time.monotonic()
    steps = [Step("broker", lambda: [fine]), Step("labels", asked), Step("state", lambda: [fine])]
    got = list(findings(steps, 0.3))
    assert time.monotonic() - begun < 5
    assert got[:2] == [fine, fine]
    assert (got[2].level, got[2].subject, len(got)) == (Level.FAILED, "labels", 3)
    assert "within 0.3 s" in got[2].found


def test_what_breaks_while_it_is_asked_comes_out_where_the_answers_are_read():
    def asked():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(findings([Step("broker", asked)], 5))
