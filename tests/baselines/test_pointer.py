"""The folder of promoted baselines and what it says is in force."""

from __future__ import annotations

import json
import os

import pytest

from monitor.baselines import pointer
from monitor.errors import InputError

A, B, C = "a" * 64, "b" * 64, "c" * 64


def test_a_folder_without_a_pointer_puts_nothing_in_force(tmp_path):
    assert pointer.read_pointer(tmp_path) == {}
    assert pointer.in_force(tmp_path / "missing", "m") == {}


def test_it_points_to_one_baseline_for_each_version_and_leaves_others_alone(tmp_path):
    (tmp_path / "current.json").write_text(json.dumps({"other": {"9": f"{C}.json"}}))
    pointer.point(tmp_path, "m", "3", A)
    pointer.point(tmp_path, "m", "4", B)
    pointer.point(tmp_path, "m", "3", C)
    written = json.loads((tmp_path / "current.json").read_text())
    assert written == {"m": {"3": f"{C}.json", "4": f"{B}.json"}, "other": {"9": f"{C}.json"}}
    assert pointer.in_force(tmp_path, "m") == {"3": C, "4": B}
    pointer.point(tmp_path, "m", "3", None)
    pointer.point(tmp_path, "m", "7", None)
    assert pointer.in_force(tmp_path, "m") == {"4": B}
    pointer.point(tmp_path, "m", "4", None)
    assert pointer.read_pointer(tmp_path) == {"other": {"9": f"{C}.json"}}
    assert [path.name for path in tmp_path.iterdir()] == ["current.json"]


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"m": 1}', '{"m": {"3": 1}}', '{"m": {"3": "../x.json"}}', '{"m": {"3": "a.json"}}', "\\xff"],
)
def test_a_damaged_pointer_is_named_with_its_remedy_and_stays_as_it_is(tmp_path, content):
    (tmp_path / "current.json").write_text(content)
    for call in (lambda: pointer.read_pointer(tmp_path), lambda: pointer.point(tmp_path, "m", "3", A)):
        with pytest.raises(InputError) as refused:
            call()
        [problem] = refused.value.problems
        assert problem.place.startswith(str(tmp_path / "current.json"))
        assert "restore it from a copy" in problem.remedy
    assert (tmp_path / "current.json").read_text() == content


def test_a_file_for_a_folder_and_a_folder_for_a_file_are_said(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder" / "current.json").mkdir(parents=True)
    with pytest.raises(InputError, match="is a file, not a folder"):
        pointer.read_pointer(tmp_path / "file")
    with pytest.raises(InputError, match="cannot be read"):
        pointer.read_pointer(tmp_path / "folder")
    with pytest.raises(InputError, match="cannot be made"):
        pointer.store(tmp_path / "file", A, b"{}", {}, anew=True)
    with pytest.raises(InputError, match="cannot be written") as refused:
        pointer.store(tmp_path / "folder" / "current.json", "no/such", b"{}", {}, anew=True)
    assert "the old baseline stays in force" in refused.value.problems[0].remedy


def test_a_baseline_is_stored_under_its_hash_with_what_lies_beside_it(tmp_path):
    folder = tmp_path / "made" / "here"
    path = pointer.store(folder, A, b"one", {".folds.csv": b"folds", ".drift.html": b"<html>"}, anew=False)
    assert path == folder / f"{A}.json"
    pointer.store(folder, A, b"two", {".timings.json": b"{}"}, anew=False)
    assert {file.name[64:]: file.read_bytes() for file in folder.iterdir()} == {
        ".json": b"one",
        ".json.folds.csv": b"folds",
        ".json.drift.html": b"<html>",
    }
    os.utime(path, (1, 1))
    pointer.store(folder, A, b"one", {".timings.json": b"{}"}, anew=True)
    assert path.stat().st_mtime > 1
    assert (folder / f"{A}.json.timings.json").read_bytes() == b"{}"


def test_the_last_twenty_are_kept_and_whatever_is_needed_or_in_force(tmp_path):
    hashes = [f"{n:064x}" for n in range(30)]
    for name in [*hashes, B]:
        pointer.store(tmp_path, name, b"{}", {".folds.csv": b""}, anew=True)
    pointer.point(tmp_path, "m", "3", hashes[2])
    gone = pointer.prune(tmp_path, [*hashes, hashes[1]], {hashes[5]})
    # The second came again last, so that the last twenty are it and the numbers 11 to 29.
    kept = {hashes[1], hashes[2], hashes[5], *hashes[11:]}
    assert sorted(gone) == sorted(set(hashes) - kept)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"current.json"} | {f"{h}{end}" for h in (*kept, B) for end in (".json", ".json.folds.csv")}
    assert pointer.prune(tmp_path, hashes[:20], ()) == []
