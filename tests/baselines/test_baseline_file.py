"""The baseline file: what is written is read again, and nothing else is taken for it."""

from __future__ import annotations

import hashlib
import json
import os
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.baselines import file, timings
from monitor.counts import Counts, Layout, tally_labelled
from monitor.errors import InputError
from monitor.statistics.baseline import Baseline, Fold


def baseline(classes=("stay", "leave"), seed=0, segments=("region=eu",)):
    random = np.random.default_rng(seed)
    layout = Layout(len(classes), 1)
    k = len(classes)

    def some(n):
        y_true = random.integers(0, k, n)
        scores = random.dirichlet(np.ones(k), n)[:, : layout.score_columns]
        one = np.ones(n, np.int64)
        return tally_labelled(layout, y_true, random.integers(0, k, n), scores, one, one - 1, 1, by_class=True)[0]

    folds = tuple(
        Fold(str(at), 0, 80, some(20), some(80) if at else None, {name: some(5) for name in segments})
        for at in range(3)
    )
    return file.sealed(Baseline("churn", "3", classes, layout, "plain", folds, "", 7, 1, {"made_by": "test"}))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "churn.json"


@settings(max_examples=20)
@given(st.lists(st.text(min_size=1), min_size=2, max_size=4, unique=True), st.integers(0, 99))
def test_what_is_written_is_read_again(tmp_path_factory, classes, seed):
    path = tmp_path_factory.mktemp("file") / "b.json"
    whole = baseline(tuple(classes), seed)
    file.write(whole, path)
    assert file.read(path) == whole


def test_it_was_written_when_its_file_says_and_that_is_no_part_of_what_it_is(path):
    file.write(baseline(), path)
    os.utime(path, ns=(0, 1_767_225_600_250_999_000))
    read = file.read(path)
    assert read.written_at == 1_767_225_600_250
    assert baseline().written_at is None
    assert read == baseline()
    assert read.content_hash == baseline().content_hash


def test_the_same_baseline_is_the_same_bytes_in_any_order_of_segments(path):
    file.write(baseline(segments=("region=eu",)), path)
    first = path.read_bytes()
    file.write(file.read(path), path)
    assert path.read_bytes() == first


def test_the_hash_is_that_of_canonical_json_without_it(path):
    file.write(baseline(("nein", "jä")), path)
    document = json.loads(path.read_text())
    written = document.pop("content_hash")
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(canonical.encode()).hexdigest() == written


def test_no_line_is_longer_than_its_plane_and_every_plane_has_one(path):
    file.write(baseline(), path)
    lines = path.read_text().splitlines()
    planes = [line for line in lines if '"at":' in line]
    assert all(line.strip().startswith(('"confusion"', '"losses"', '"scores"', '"calibration"')) for line in planes)
    assert max(len(line) for line in lines if line not in planes) < 100


def test_nobody_reads_half_a_file_and_no_draft_is_left(path):
    file.write(baseline(), path)
    assert [found.name for found in path.parent.iterdir()] == ["churn.json"]


def test_planes_that_this_version_does_not_know_are_carried(path):
    whole = baseline()
    odd = {"of_tomorrow": (np.array([3]), np.array([1]))}
    fold = whole.folds[0]
    counts = Counts(fold.counts.layout, fold.counts.index, fold.counts.value, odd)
    strange = file.sealed(
        Baseline("m", "1", whole.classes, whole.layout, "plain", (Fold("0", 0, 1, counts),), "", about={})
    )
    file.write(strange, path)
    assert file.read(path) == strange


def problem_of(path):
    with pytest.raises(InputError) as refused:
        file.read(path)
    (problem,) = refused.value.problems
    assert problem.place == str(path)
    assert problem.remedy
    return problem.finding


def test_any_flipped_byte_is_found_or_means_nothing(path):
    whole = baseline()
    file.write(whole, path)
    content = path.read_bytes()
    at = random.Random(5)
    for _ in range(300):
        place = at.randrange(len(content))
        damaged = bytearray(content)
        damaged[place] ^= 1 << at.randrange(8)
        path.write_bytes(bytes(damaged))
        try:
            found = file.read(path)
        except InputError:
            continue
        assert content[place : place + 1] in b" \n"  # one blank for another
        assert found == whole


def test_a_changed_count_is_named_as_a_change(path):
    file.write(baseline(), path)
    path.write_text(path.read_text().replace('"n_train": 80', '"n_train": 81', 1))
    assert "was changed or damaged after it was written" in problem_of(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_cut_file_is_named_as_cut(path, share):
    file.write(baseline(), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert problem_of(path) == "is cut: its end is missing"


@pytest.mark.parametrize(
    ("content", "finding"),
    [
        (b"", "is empty"),
        (b"  \n", "is empty"),
        (b"fold,y_true\n0,a\n", "is not JSON"),
        ('{"model": "m"}'.encode("utf-16"), "is not JSON"),
        (b"[1]", "holds no JSON object"),
        (b'{"model": "churn"}', 'its "schema" is not foldwatch/baseline/1'),
        (b'{"schema": "foldwatch/baseline/2"}', "another version of foldwatch (foldwatch/baseline/2; this one reads"),
        (b'{"schema": "foldwatch/baseline/1"}', "the file says none"),
    ],
)
def test_what_is_no_baseline_is_refused(path, content, finding):
    path.write_bytes(content)
    assert finding in problem_of(path)


def test_a_missing_file_and_a_directory_are_refused(path):
    assert problem_of(path) == "there is no such file"
    path.mkdir()
    assert problem_of(path) == "is a directory"


@pytest.mark.parametrize(
    "change",
    [
        {"classes": ["a"]},
        {"classes": ["a", "a"]},
        {"classes": [1, 2]},
        {"positive": "c"},
        {"scheme": "guess"},
        {"folds": []},
        {"folds": [{"fold": "0"}]},
        {"folds": [{"fold": "0", "repeat": 0, "n_train": 1, "counts": {"confusion": {"at": [9], "n": [1]}}}]},
        {"model": None},
        {"about": None},
    ],
)
def test_another_shape_is_refused_even_with_the_right_hash(path, change):
    file.write(baseline(), path)
    document = json.loads(path.read_text()) | change
    del document["content_hash"]
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    document["content_hash"] = hashlib.sha256(canonical.encode()).hexdigest()
    path.write_text(json.dumps(document))
    assert problem_of(path).startswith("is not a valid baseline: ")


def test_timings_lie_beside_and_belong_to_one_baseline(path):
    spent = timings.Timings(1.5, (timings.FoldTiming("0", 0, 0.25, 2**20),))
    whole, other = baseline(), baseline(seed=1)
    assert timings.read_timings(whole, path) is None
    timings.write_timings(spent, whole, path)
    assert timings.read_timings(whole, path) == spent
    assert timings.read_timings(other, path) is None
    timings.timings_path(path).write_text("{")
    assert timings.read_timings(whole, path) is None


def test_where_nothing_can_be_written_is_said_before_the_work(tmp_path):
    assert [problem.finding for problem in file.writable(tmp_path)] == ["is a directory"]
    (lost,) = file.writable(tmp_path / "no" / "b.json")
    assert lost.finding == f"there is no directory {tmp_path / 'no'}"
    assert file.writable(tmp_path / "b.json") == ()
    with pytest.raises(InputError, match="cannot be written"):
        file.write_text(tmp_path / "no" / "b.json", "x")
