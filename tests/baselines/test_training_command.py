"""Rows that a program prints, and files: what comes of them, and of programs that fail."""

from __future__ import annotations

import os
import sys

import numpy as np
import polars as pl
import pytest

from monitor.baselines.training_command import printed_frame
from monitor.baselines.training_rows import Columns, read_training_rows
from monitor.config.revalidation import TrainingRows
from monitor.errors import InputError

FRAME = pl.DataFrame({"a": [1.5, 2.5, None], "y": ["no", "1.0", "None"]})
MOST = 10**6


def python(code):
    return (sys.executable, "-c", code)


def refused(argv, folder, table="csv", most=MOST):
    with pytest.raises(InputError) as found:
        printed_frame(argv, table, ["y"], folder, most)
    return str(found.value)


@pytest.mark.parametrize("table", ["csv", "jsonl", "parquet"])
def test_what_a_program_prints_in_the_configurations_folder_is_the_table(tmp_path, table):
    writers = {"csv": FRAME.write_csv, "jsonl": FRAME.write_ndjson, "parquet": FRAME.write_parquet}
    writers[table](tmp_path / "printed")
    frame = printed_frame(("cat", "printed"), table, ["y"], tmp_path, MOST)
    assert frame["a"].dtype == np.float64
    assert frame["y"].tolist() == ["no", "1.0", "None"]


def test_there_is_no_shell_between_us_and_the_program(tmp_path):
    frame = printed_frame(("printf", "a,y\\n%s,b\\n", "$HOME;`id`"), "csv", ["y"], tmp_path, MOST)
    assert frame["a"].tolist() == ["$HOME;`id`"]


def test_the_inputs_are_the_fingerprints_of_rows_and_program(tmp_path):
    source = TrainingRows(command=("printf", "a,y\\n1,b\\n"))
    found = read_training_rows(source, Columns("y"), tmp_path)
    assert found.place == "command printf"
    assert sorted(found.inputs) == ["command", "data"]
    assert found.written_at is None


def test_a_program_that_fails_tells_its_code_and_its_last_lines_alone(tmp_path):
    code = "import sys; [print('line', n, 'x' * 5000, file=sys.stderr) for n in range(2000)]; sys.exit(3)"
    said = refused(python(code), tmp_path)
    assert "ended with exit code 3; it said: line 1995 xxx" in said
    assert "line 1999 xxx" in said
    assert len(said) < 2000
    assert said.endswith(f"run it by hand in {tmp_path}")


@pytest.mark.parametrize(
    ("code", "finding"),
    [
        ("import os; os.kill(os.getpid(), 9)", "was ended by signal 9 and said nothing on standard error"),
        ("pass", "printed nothing; it has to print the table as csv"),
        ("print('a,y\\n1,b\\n1,2,3,4')", f"output of command {sys.executable}: cannot be read as CSV"),
        ("print('x' * 2_000_000)", "prints more than 1,000,000 bytes"),
    ],
)
def test_what_is_no_table_is_told_in_the_programs_name(tmp_path, code, finding):
    said = refused(python(code), tmp_path)
    assert finding in said
    assert "foldwatch-" not in said


def test_a_program_that_is_not_there_is_told(tmp_path):
    said = refused(("no-such-program",), tmp_path)
    assert said.startswith(f"command no-such-program: cannot be started in {tmp_path} (No such file or directory)")


def test_nothing_is_left_of_the_output(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    printed_frame(("printf", "a,y\\n1,b\\n"), "csv", ["y"], tmp_path, MOST)
    refused(("false",), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_tells_when_it_was_written_and_a_column_when_rows_were_observed(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,seen,y\n1,2026-01-31T12:00:00Z,b\n2,1769866200000,c\n")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    source = TrainingRows(file=path, pattern=str(path))
    found = read_training_rows(source, Columns("y", time="seen"), tmp_path)
    assert found.written_at == 1_700_000_000_000
    assert found.rows.about["features"] == ["a"]
    assert found.rows.moments.tolist() == [1769860800000, 1769866200000]


def test_a_row_without_a_time_is_refused_with_its_number(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,seen,y\n1,2026-01-31T12:00:00Z,b\n2,soon,c\n")
    with pytest.raises(InputError, match=r"column seen: 1 rows have no time \(the first: row 2\)"):
        read_training_rows(TrainingRows(pattern=str(path)), Columns("y", time="seen"), tmp_path)


def test_typed_times_of_a_parquet_file_are_moments(tmp_path):
    frame = pl.DataFrame({"a": [1, 2], "y": ["b", "c"], "seen": ["2026-01-31T12:00:00", "2026-01-31T13:30:00"]})
    for zone in (None, "UTC"):
        typed = frame.with_columns(pl.col("seen").str.to_datetime(time_zone=zone))
        typed.write_parquet(tmp_path / "t.parquet")
        found = read_training_rows(
            TrainingRows(pattern=str(tmp_path / "t.parquet")), Columns("y", time="seen"), tmp_path
        )
        assert found.rows.moments.tolist() == [1769860800000, 1769866200000]
