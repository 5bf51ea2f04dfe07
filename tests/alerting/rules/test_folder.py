"""A folder of rules: ours are replaced, others' are left alone, and nothing is written by halves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from monitor.alerting.rules.folder import write_folder
from monitor.alerting.rules.text import NOTE
from monitor.errors import InputError

ROOMS = ("objectives", "tests")


def ours(text="groups: []\n"):
    return NOTE + text


def found(folder):
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def refused(folder, files):
    before = found(folder)
    with pytest.raises(InputError) as refusal:
        write_folder(folder, files, ROOMS)
    assert found(folder) == before
    return [str(problem) for problem in refusal.value.problems]


def test_a_new_folder_gets_every_file(tmp_path):
    files = {"foldwatch.yml": ours("a\n"), "objectives/churn.yml": ours("b\n")}
    written = write_folder(tmp_path / "deep" / "rules", files, ROOMS)
    assert found(tmp_path / "deep" / "rules") == files
    assert (written.written, written.unchanged, written.removed) == (tuple(sorted(files)), (), ())


def test_a_second_time_nothing_is_touched(tmp_path):
    files = {"foldwatch.yml": ours()}
    write_folder(tmp_path, files, ROOMS)
    before = (tmp_path / "foldwatch.yml").stat()
    written = write_folder(tmp_path, files, ROOMS)
    after = (tmp_path / "foldwatch.yml").stat()
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)
    assert (written.written, written.unchanged) == ((), ("foldwatch.yml",))


def test_what_is_not_wanted_any_more_is_removed_with_the_folder_that_it_leaves_empty(tmp_path):
    write_folder(tmp_path, {"a.yml": ours(), "objectives/gone.yml": ours(), "tests/deep/gone_test.yml": ours()}, ROOMS)
    written = write_folder(tmp_path, {"a.yml": ours("new\n")}, ROOMS)
    assert written.removed == ("objectives/gone.yml", "tests/deep/gone_test.yml")
    assert found(tmp_path) == {"a.yml": ours("new\n")}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.yml"]


def test_files_of_others_are_left_alone_wherever_they_are(tmp_path):
    others = {"prometheus.yml": "global: {}\n", "objectives/mine.yml": "# mine\n", "elsewhere/old.yml": ours()}
    for path, text in others.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    write_folder(tmp_path, {"objectives/churn.yml": ours()}, ROOMS)
    write_folder(tmp_path, {}, ROOMS)
    assert found(tmp_path) == others


def test_a_file_of_somebody_else_under_our_name_is_refused_and_nothing_is_written(tmp_path):
    (tmp_path / "b.yml").write_text(f"# mine\n{NOTE}")
    problems = refused(tmp_path, {"a.yml": ours(), "b.yml": ours()})
    finding = "was not written by foldwatch: its first line does not say so"
    assert problems == [f"{tmp_path}/b.yml: {finding}; move it away, or name another folder for --output"]


def test_an_empty_file_under_our_name_is_somebody_elses(tmp_path):
    (tmp_path / "a.yml").touch()
    assert len(refused(tmp_path, {"a.yml": ours()})) == 1


def test_all_that_is_in_the_way_is_told_at_once(tmp_path):
    (tmp_path / "a.yml").mkdir()
    (tmp_path / "objectives").write_text("a list of mine\n")
    problems = refused(tmp_path, {"a.yml": ours(), "objectives/churn.yml": ours()})
    assert [problem.partition(": ")[2].partition(";")[0] for problem in problems] == [
        "is a folder, and a file is needed there",
        "is a file, and a folder is needed there",
    ]


def test_a_file_as_the_folder_is_refused(tmp_path):
    (tmp_path / "rules").write_text("x")
    with pytest.raises(InputError, match="is a file, and a folder is needed there"):
        write_folder(tmp_path / "rules", {"a.yml": ours()}, ROOMS)


def test_a_dangling_link_under_our_name_is_refused(tmp_path):
    (tmp_path / "a.yml").symlink_to(tmp_path / "nowhere")
    assert "cannot be read" in refused(tmp_path, {"a.yml": ours()})[0]


def test_a_link_to_a_folder_of_others_is_not_searched_for_old_files(tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "old.yml").write_text(ours())
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "objectives").symlink_to(tmp_path / "theirs")
    write_folder(tmp_path / "rules", {"a.yml": ours()}, ROOMS)
    assert (tmp_path / "theirs" / "old.yml").exists()


def test_a_folder_that_cannot_be_written_is_named():
    with pytest.raises(InputError, match=r"^/proc/rules.*: cannot be written \(.*\); name a folder that you may write"):
        write_folder(Path("/proc/rules"), {"a.yml": ours()}, ROOMS)


def test_a_write_that_fails_leaves_the_old_file_and_no_half_one(tmp_path, monkeypatch):
    write_folder(tmp_path, {"a.yml": ours("old\n")}, ROOMS)

    def full(*_):
        raise OSError(28, os.strerror(28), str(tmp_path / "a.yml"))

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(InputError, match="No space left on device"):
        write_folder(tmp_path, {"a.yml": ours("new\n")}, ROOMS)
    assert found(tmp_path) == {"a.yml": ours("old\n")}
