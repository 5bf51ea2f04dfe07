"""Rows for a cross-validation, from every kind of file, and the factory that goes with them."""

from __future__ import annotations

import gzip
import sys
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from monitor.baselines.estimator import importable, load_factory
from monitor.baselines.training_set import read_training_set
from monitor.errors import InputError

FRAME = pl.DataFrame({"a": [1.5, 2.5, None], "b": ["x", "y", "z"], "y": ["no", "1.0", "None"], "g": [7, 7, 8]})


@pytest.fixture
def files(tmp_path):
    FRAME.write_csv(tmp_path / "t.csv")
    FRAME.write_ndjson(tmp_path / "t.jsonl")
    FRAME.write_parquet(tmp_path / "t.parquet")
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress((tmp_path / "t.csv").read_bytes()))
    return tmp_path


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet", "t.csv.gz"])
def test_features_are_typed_and_the_target_stands_as_it_was_written(files, name):
    rows = read_training_set(str(files / name), "y", None, "g")
    assert list(rows.x.columns) == ["a", "b"]
    assert rows.x["a"].dtype == np.float64
    assert rows.x["b"].tolist() == ["x", "y", "z"]
    assert rows.y.tolist() == ["no", "1.0", "None"]
    assert rows.groups.astype(int).tolist() == [7, 7, 8]
    assert rows.about["features"] == ["a", "b"]


def test_features_can_be_chosen_and_the_fingerprint_follows(files):
    path = str(files / "t.csv")
    chosen = read_training_set(path, "y", ["a"], None)
    assert list(chosen.x.columns) == ["a"]
    assert chosen.about["sha256"] == read_training_set(path, "y", ["a"], None).about["sha256"]
    assert chosen.about["sha256"] != read_training_set(path, "y", ["b"], None).about["sha256"]


def test_several_files_are_one_table(files):
    FRAME.write_csv(files / "u.csv")
    assert len(read_training_set(str(files / "*.csv"), "y", ["a"], None).y) == 6


@pytest.mark.parametrize(
    ("content", "arguments", "messages"),
    [
        (b"a,y\n1,b\n", ("t", None, None), ["has no column t (--target); columns found: a, y"]),
        (b"a,y\n1,b\n", ("y", ["c", "d"], "g"), ["g (--groups)", "c (--features)", "d (--features)"]),
        (b"a,y\n1,b\n", ("y", ["a", "y"], None), ["--features: names the target"]),
        (b"y\nb\n", ("y", None, None), ["has no column but target and groups"]),
        (b"a,y\n", ("y", None, None), ["has no rows"]),
        (b"", ("y", None, None), ["is empty"]),
        (b"a,g,y\n1,,b\n", ("y", None, "g"), ["column g is empty in 1 rows"]),
        (b"a,y\n1,b\n\xff,c\n", ("y", None, None), ["t.csv:3: is not UTF-8"]),
        (b"a,y\n1,b\n1,2,3,4\n", ("y", None, None), ["cannot be read as CSV"]),
        ("a,y\n1,b\n".encode("utf-16"), ("y", None, None), ["is UTF-16"]),
    ],
)
def test_what_cannot_be_trained_on_is_refused(tmp_path, content, arguments, messages):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        read_training_set(str(path), *arguments)
    found = [str(problem) for problem in refused.value.problems]
    assert len(found) == len(messages)
    for text, message in zip(found, messages, strict=True):
        assert message in text


def test_a_cut_gzip_and_a_broken_line_of_json_are_refused(files):
    path = files / "t.csv.gz"
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(InputError, match=r"t\.csv\.gz: "):
        read_training_set(str(path), "y", None, None)
    (files / "t.jsonl").write_text('{"a": 1}\n{"a":\n')
    with pytest.raises(InputError, match="cannot be read as JSON Lines"):
        read_training_set(str(files / "t.jsonl"), "a", None, None)


MODULE = """
from helper_of_ours import VALUE
NUMBER = 3
class Maker:
    @staticmethod
    def make():
        return VALUE
def make():
    return VALUE
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "our_model.py").write_text(MODULE)
    (tmp_path / "helper_of_ours.py").write_text("VALUE = 5\n")
    (tmp_path / "broken_model.py").write_text("import not_there_at_all\n")
    (tmp_path / "raising_model.py").write_text("1 / 0\n")
    yield tmp_path
    for name in ("our_model", "helper_of_ours"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", ["our_model:make", "our_model:Maker.make"])
def test_a_factory_is_found_beside_and_its_neighbours_too(folder, name):
    before = list(sys.path)
    with importable([folder, Path()]):
        assert load_factory(name, [folder])() == 5
    assert sys.path == before


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("our_model", "is not of the form module:factory"),
        (":make", "is not of the form module:factory"),
        ("no_such_model:make", "there is no module no_such_model on PYTHONPATH or in "),
        ("our_model:fake", "module our_model has no fake; it has Maker, make"),
        ("our_model:NUMBER", "is a int, not a function"),
        ("broken_model:make", "its module imports not_there_at_all, which is not installed"),
        ("raising_model:make", "its module raised ZeroDivisionError"),
    ],
)
def test_what_is_no_factory_is_refused(folder, name, message):
    with importable([folder]), pytest.raises(InputError) as refused:
        load_factory(name, [folder])
    assert str(refused.value).startswith(f"--estimator {name}: {message}")


def test_the_factory_of_a_library_is_one_too():
    assert load_factory("functools:partial", []) is partial
