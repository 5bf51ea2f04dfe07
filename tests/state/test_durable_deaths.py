"""Whatever dies, the state is what it was after some commit, and going on from there gives the same numbers."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from durable_drive import LAYOUT, SETTINGS, opened, remembered, remembered_after_each, run, told
from stream_drive import GivenSource, batch_of

from monitor.clock import HOUR
from monitor.counts.slices import FixedSlices
from monitor.errors import InputError
from monitor.state.disk.rocksdb import DEFAULT, Database
from monitor.stream import Stream

DRIVE = Path(__file__).parent.parent / "support" / "durable_drive.py"
ROOT = DRIVE.parents[2]
BATCHES = 40


def started(folder):
    """The process that takes batches into a folder."""
    paths = os.pathsep.join([str(ROOT), str(DRIVE.parent)])
    return subprocess.Popen(
        [sys.executable, DRIVE, folder, str(BATCHES)],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_process_killed_again_and_again_ends_with_the_numbers_of_one_that_was_not(tmp_path):
    rng = np.random.default_rng(3)
    steps = 0
    for _ in range(5):
        child = started(tmp_path)
        for _ in range(int(rng.integers(0, 12))):
            line = child.stdout.readline()
            steps = int(line) if line.strip().isdigit() else steps
        child.send_signal(signal.SIGKILL)
        child.communicate()
    state = opened(tmp_path)
    try:
        assert state.offsets().get("p/0", 0) >= steps
        assert told(state) == remembered(state.offsets().get("p/0", 0))
        assert told(run(state, BATCHES)) == remembered(BATCHES)
    finally:
        state.close()


@pytest.fixture(scope="module")
def torn(tmp_path_factory):
    """The files of a state as they are when its process dies, after flushes of single families; and what it told after
    each batch.
    """
    folder, copy = tmp_path_factory.mktemp("live"), tmp_path_factory.mktemp("torn") / "state"
    state = opened(folder)
    families = {9: "rows-0-0", 15: "log", 21: "slices", 26: DEFAULT}

    def flush(number):
        if number in families:  # RocksDB does that by itself, too, but nobody knows when
            state._database.family(families[number]).flush()  # noqa: SLF001 - see above

    run(state, BATCHES, flush)
    shutil.copytree(folder, copy)
    state.close()
    return copy, remembered_after_each(BATCHES)


def logs(folder):
    """The write-ahead logs of a folder, the oldest first."""
    return sorted(folder.glob("*.log"), key=lambda path: int(path.stem))


@pytest.mark.parametrize("share", [0, 0.03, 0.1, 0.2, 0.33, 0.5, 0.61, 0.77, 0.9, 0.97, 0.999])
def test_a_cut_log_opens_as_what_some_commit_left_and_the_rest_is_read_again(torn, tmp_path, share):
    files, wanted = torn
    folder = tmp_path / "state"
    shutil.copytree(files, folder)
    newest = logs(folder)[-1]
    os.truncate(newest, int(newest.stat().st_size * share))
    state = opened(folder)
    try:
        number = state.offsets()["p/0"]
        assert told(state) == wanted[number]
        assert number >= 26
        assert told(run(state, BATCHES)) == wanted[BATCHES]
    finally:
        state.close()


def test_a_lost_log_takes_its_offsets_with_it(torn, tmp_path):
    files, wanted = torn
    folder = tmp_path / "state"
    shutil.copytree(files, folder)
    logs(folder)[-1].unlink()
    state = opened(folder)
    try:
        number = state.offsets()["p/0"]
        assert 26 <= number < BATCHES
        assert told(state) == wanted[number]
        assert told(run(state, BATCHES)) == wanted[BATCHES]
    finally:
        state.close()


def rows_of(state):
    """The families of rows that there are."""
    return [name for name in state._database.names() if name.startswith("rows-")]  # noqa: SLF001 - nobody else can see them


def test_a_death_before_a_generation_was_dropped_leaves_nothing_behind(tmp_path, monkeypatch):
    live, folder = tmp_path / "live", tmp_path / "state"
    monkeypatch.setattr(Database, "drop", lambda self, name: None)  # noqa: ARG005 - it dies here
    state = opened(live, always_kept=0)
    for hour in (0, 20, 40):
        given = GivenSource(
            [batch_of([("p", f"id{hour}", "1", hour * HOUR, 0, None, None)], LAYOUT, passed=hour * HOUR)]
        )
        Stream(SETTINGS, given, state, FixedSlices(HOUR)).step()
    wanted, kept = told(state), state._kept["m"].families()  # noqa: SLF001 - see above
    assert len(rows_of(state)) > len(kept)
    shutil.copytree(live, folder)
    state.close()
    monkeypatch.undo()
    state = opened(folder, always_kept=0)
    assert sorted(rows_of(state)) == sorted(kept)
    assert told(state) == wanted
    state.close()


def test_a_death_after_a_family_was_made_leaves_nothing_behind(tmp_path):
    live, folder = tmp_path / "live", tmp_path / "state"
    state = run(opened(live), 3)
    state._database.made("rows-0-1")  # noqa: SLF001 - the first half of a commit
    shutil.copytree(live, folder)
    state.close()
    state = opened(folder)
    assert rows_of(state) == ["rows-0-0"]
    assert told(run(state, 6)) == remembered(6)
    state.close()


def test_a_missing_family_is_damage(tmp_path):
    state = run(opened(tmp_path), 3)
    state._database.drop("rows-0-0")  # noqa: SLF001 - as a manifest of another day would have it
    state.close()
    with pytest.raises(InputError, match="rows-0-0 is missing"):
        opened(tmp_path)
