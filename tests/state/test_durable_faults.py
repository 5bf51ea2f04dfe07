"""What cannot be opened, read or written is said: where, what, and what to do. Nothing wrong is ever told instead."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from durable_drive import SETTINGS, opened, remembered, run, told
from rocksdict import Options, Rdict
from stream_drive import settings_of

from monitor.clock import HOUR
from monitor.config import Duration
from monitor.counts import Layout
from monitor.errors import InputError, StateBroken, StateInUse
from monitor.join.rules import Outcomes
from monitor.state import Commit
from monitor.state.disk.durable import RocksState

SUPPORT = Path(__file__).parent.parent / "support"
ROOT = SUPPORT.parents[1]
BATCHES = 30
MODEL = SETTINGS.models["m"]


def child(script, *arguments, before=()):
    """Run a script of tests/support and return what it printed."""
    paths = os.pathsep.join([str(ROOT), str(SUPPORT)])
    done = subprocess.run(
        [*before, sys.executable, SUPPORT / script, *arguments],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
    return done.stdout


def refused(folder, models=SETTINGS.models):
    """The problems for which a folder is not opened."""
    with pytest.raises(InputError) as error:
        RocksState(folder, models)
    return error.value.problems


def test_a_store_belongs_to_one_process(tmp_path):
    state = opened(tmp_path)
    with pytest.raises(StateInUse, match="in use by another process"):
        opened(tmp_path)
    paths = os.pathsep.join([str(ROOT), str(SUPPORT)])
    second = subprocess.run(
        [sys.executable, SUPPORT / "durable_drive.py", tmp_path, "1"],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "StateInUse" in second.stderr
    assert f"{tmp_path}: is in use by another process" in second.stderr
    state.close()
    opened(tmp_path).close()


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "state").write_text("mine")
    assert "is a file" in refused(tmp_path / "state")[0].finding
    assert "cannot be used" in refused(tmp_path / "state" / "below")[0].finding
    assert (tmp_path / "state").read_text() == "mine"


def test_a_folder_with_files_of_others_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    [problem] = refused(tmp_path)
    assert "thesis.txt" in problem.finding
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_folders_beside_ours_are_no_harm(tmp_path):
    (tmp_path / "lost+found").mkdir()
    opened(tmp_path).close()
    opened(tmp_path).close()


def test_a_rocksdb_of_another_program_is_refused(tmp_path):
    options = Options(raw_mode=True)
    options.create_if_missing(create_if_missing=True)
    other = Rdict(str(tmp_path), options)
    other[b"key"] = b"value"
    other.close()
    assert "of another program" in refused(tmp_path)[0].finding
    other = Rdict(str(tmp_path), options)
    assert other[b"key"] == b"value"
    other.close()


def test_a_store_of_a_newer_format_is_refused_and_left_as_it_is(tmp_path):
    opened(tmp_path).close()
    options = Options(raw_mode=True)
    names = Rdict.list_cf(str(tmp_path), options)
    store = Rdict(str(tmp_path), options, dict.fromkeys(names, options))
    store[b"format"] = msgspec.msgpack.encode(7)
    store.close()
    [problem] = refused(tmp_path)
    assert problem.place == str(tmp_path)
    assert "newer foldwatch, in format 7; this one reads formats up to 1" in problem.finding
    assert "run that foldwatch" in problem.remedy


def test_a_creation_that_was_cut_short_begins_again(tmp_path):
    options = Options(raw_mode=True)
    options.create_if_missing(create_if_missing=True)
    options.create_missing_column_families(create_missing_cfs=True)
    Rdict(str(tmp_path), options, {"log": options}).close()
    state = opened(tmp_path)
    assert state.offsets() == {}
    state.close()


@pytest.mark.parametrize(
    ("key", "changed"),
    [
        ("classes", {"classes": ("0", "1", "3")}),
        ("segments", {"segments": {"region": ("eu", "us")}}),
        ("segments", {"segments": {}}),
        ("correction_window", {"correction_window": Duration(9 * HOUR, "9h")}),
        ("label_first_wait", {"label_first_wait": Duration(HOUR, "1h")}),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused_and_the_old_one_goes_on(tmp_path, key, changed):
    run(opened(tmp_path), 3).close()
    [problem] = refused(tmp_path, {"m": replace(MODEL, **changed)})
    assert problem.place == f"models.m.{key}"
    assert str(tmp_path) in problem.finding
    assert "put it back" in problem.remedy
    state = opened(tmp_path)
    assert told(state) == remembered(3)
    state.close()


def test_the_positive_class_of_two_may_not_change(tmp_path):
    def model(positive):
        return {"m": replace(MODEL, classes=("no", "yes"), layout=Layout(2, positive))}

    RocksState(tmp_path, model(1)).close()
    [problem] = refused(tmp_path, model(0))
    assert problem.place == "models.m.positive"
    assert "was written with yes, and now it is no" in problem.finding


def test_windows_margins_and_owners_may_change(tmp_path):
    run(opened(tmp_path), 3).close()
    state = RocksState(tmp_path, {"m": replace(MODEL, windows=(Duration(HOUR, "1h"),), margin=0.5, owner="we")})
    assert told(state) == remembered(3)
    state.close()


def test_a_new_model_begins_and_one_that_is_gone_is_kept_until_it_comes_back(tmp_path):
    run(opened(tmp_path), 5).close()
    both = settings_of(unit=HOUR, models=("m", "n")).models
    only = {"n": both["n"]}
    state = RocksState(tmp_path, only)
    assert state.model("n").outcomes == Outcomes()
    assert list(state.totals()) == ["n"]
    state.commit(Commit(skipped={"unknown model": 1}))
    state.close()
    state = RocksState(tmp_path, both)
    wanted = remembered(5)
    assert {**told(state), "totals": 0, "skipped": 0} == {**wanted, "totals": 0, "skipped": 0}
    assert state.totals()["m"] == wanted["totals"]["m"]
    assert told(run(state, 9))["models"] == remembered(9)["models"]
    state.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A store that was closed, with rows in files; and what it must come to."""
    folder = tmp_path_factory.mktemp("whole") / "state"
    run(opened(folder), BATCHES).close()
    return folder, remembered(BATCHES), remembered(BATCHES + 10)


def files(folder, pattern):
    """The files of a folder that match, in order."""
    return sorted(folder.glob(pattern))


def used(folder, wanted, later):
    """Open a store and go on; return None where it tells what it must, or what it says is wrong."""
    try:
        state = opened(folder)
    except InputError as error:
        return str(error)
    try:
        assert told(state) == wanted
        assert told(run(state, BATCHES + 10)) == later
    except StateBroken as error:
        return str(error)
    finally:
        state.close()
    return None


@pytest.mark.parametrize("kind", ["*.sst", "MANIFEST-*", "CURRENT", "*.log", "OPTIONS-*", "IDENTITY", "rocksdict*"])
@pytest.mark.parametrize("share", [0.0, 0.31, 0.64, 0.97])
def test_a_flipped_bit_is_named_or_does_no_harm(whole, tmp_path, kind, share):
    source, *wanted = whole
    for number, name in enumerate(path.name for path in files(source, kind)):
        folder = tmp_path / str(number)
        shutil.copytree(source, folder)
        damaged = bytearray((folder / name).read_bytes())
        if not damaged:
            continue
        damaged[int(len(damaged) * share)] ^= 0x40
        (folder / name).write_bytes(bytes(damaged))
        said = used(folder, *wanted)
        if said is not None:
            assert said.startswith(f"{folder}: ")
            # Of a table's properties RocksDB blames the manifest, which names the table.
            assert name in said or "MANIFEST" in said
            assert "reading everything again from the start gives the same numbers" in said


@pytest.mark.parametrize("kind", ["CURRENT", "MANIFEST-*", "*.sst"])
def test_a_lost_file_is_named(whole, tmp_path, kind):
    folder = tmp_path / "state"
    shutil.copytree(whole[0], folder)
    lost = files(folder, kind)[0]
    lost.unlink()
    [problem] = refused(folder)
    assert lost.stem.lstrip("0") in str(problem)
    assert "move the folder away" in problem.remedy
    assert len(files(folder, "*.sst")) == len(files(whole[0], "*.sst")) - (kind == "*.sst")


def test_on_a_full_disk_it_stops_before_the_offsets_move_and_goes_on_with_nothing_lost(tmp_path):
    before = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    happened = json.loads(child("durable_full_disk.py", tmp_path, before=before))
    folder = tmp_path / "state"
    assert happened["said"] == f"{folder}: the disk is full; make room and start again: nothing is lost"
    assert happened["said again"] == happened["said"]
    assert 0 < happened["broke at"] <= happened["opened at"]
    assert happened["memory is not ahead"]
    assert happened["is what it was"]
    assert happened["goes on"]
    assert happened["read-only"].startswith(f"InputError: {folder}: cannot be written")
