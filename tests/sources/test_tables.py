"""Logs of every format give the same columns; a file that is wrong as a whole is named with its line and a remedy."""

from __future__ import annotations

import gzip
import os
from datetime import UTC, date, datetime

import polars as pl
import pytest
import zstandard
from source_drive import NOW, configured, event, label, labels, lines, model, predictions, reasons, write_lines

from monitor.errors import InputError
from monitor.join.events import RETRACTED
from monitor.sources.decoding.codec import Codec, Kind, batch_of
from monitor.sources.logs.log_events import read_events
from monitor.sources.logs.patterns import find_log
from monitor.sources.logs.tables import Reading, read_table

AT = 1_767_225_600_000


def cells(pattern) -> list[dict[str, object]]:
    return [row for chunk in read_table(pattern) for row in chunk.frame.to_dicts()]


def read(settings, kind, pattern):
    codec = Codec(settings)
    log = find_log(pattern)
    return [batch_of(codec, each) for each in read_events(codec, kind, log, Reading(log.size), NOW)]


def refusal(pattern, settings=None, kind=Kind.PREDICTIONS) -> str:
    with pytest.raises(InputError) as caught:
        list(read_table(pattern)) if settings is None else read(settings, kind, pattern)
    assert all(problem.remedy for problem in caught.value.problems)
    return str(caught.value)


def test_cells_of_a_csv_are_text_as_they_are_written(tmp_path):
    path = tmp_path / "log.csv"
    path.write_bytes(b'\xef\xbb\xbfid,b\r\n007,1_0\r\n\r\n3.10,no\r\n"x\ny, ""z""",""\r\nlast,')
    assert cells(path) == [
        {"id": "007", "b": "1_0"},
        {"id": "3.10", "b": "no"},
        {"id": 'x\ny, "z"', "b": None},
        {"id": "last", "b": None},
    ]


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_compressed_log_is_its_content(tmp_path, kind, suffix):
    content = b"id,b\n" + b"1,x\n" * 5_000 if kind == "csv" else b'{"id":"1","b":"x"}\n' * 5_000
    pack = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}[suffix]
    path = tmp_path / f"log.{kind}{suffix}"
    path.write_bytes(pack(content[:4_001]) + pack(content[4_001:]))
    assert cells(path) == [{"id": "1", "b": "x"}] * 5_000


def test_a_directory_and_a_glob_are_their_files_by_name(tmp_path):
    for name in "bca":
        (tmp_path / f"{name}.csv").write_text(f"id\n{name}\n")
    (tmp_path / "empty.csv").touch()
    (tmp_path / "_SUCCESS").touch()
    assert cells(tmp_path) == cells(tmp_path / "*.csv") == [{"id": "a"}, {"id": "b"}, {"id": "c"}]


def test_progress_ends_at_the_whole(tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.csv").write_text("id\n1\n")
    told: list[tuple[int, int]] = []
    for _ in read_table(tmp_path, lambda *step: told.append(step)):
        pass
    assert told == sorted(told)
    assert told[-1] == (15, 15)


FILES = {
    "empty.csv": (b"", "is empty"),
    "blank.csv": (b"\n\n", "is empty"),
    "short.csv": (b"a,b\n1,2\n3\n4,5\n", "short.csv:3: has 1 cells, the header has 2"),
    "long.csv": (b"a,b\n1,2\n\n3,4,5\n", "long.csv:4: has 3 cells"),
    "quoted.csv": (b'a,b\n"1\n2",3\n4\n', "quoted.csv:4: has 1 cells"),
    "open.csv": (b'a,b\n1,2\n3,"4\n5,6\n', "open.csv:3: has a quote"),
    "inch.csv": (b'a,b\n1,2\n3,5" disk\n', "inch.csv:3: has a quote"),
    "latin.csv": (b"a,b\n1,2\n3,\xe9\n", "latin.csv:3: is not UTF-8 (byte 0xE9)"),
    "header.csv": (b"a,\xe9\n1,2\n", "header.csv:1: is not UTF-8"),
    "twice.csv": (b"a,a\n1,2\n", "twice.csv:1: two columns are called 'a'"),
    "utf16.csv": ("a,b\n1,2".encode("utf-16"), "is UTF-16"),
    "utf16.jsonl": ('{"a": 1}'.encode("utf-16-le"), "is UTF-16"),
    "bad.jsonl": (b'{"a": 1}\n\nx\n', "bad.jsonl:3: is no JSON object"),
    "list.json": (b'[{"a": 1}]\n', "list.json:1: is no JSON object"),
    "cut.csv.gz": (gzip.compress(os.urandom(9_000).hex().encode())[:-20], "ends in the middle of its gz stream"),
    "cut.csv.zst": (zstandard.compress(os.urandom(9_000).hex().encode())[:-20], "ends in the middle of its zst stream"),
    "no.csv.gz": (b"a,b\n1,2\n", "is no sound gz file"),
    "no.csv.zst": (b"a,b\n1,2\n", "is no sound zst file"),
    "cut.parquet": (b"PAR1 and no more", "ends before its Parquet footer"),
    "bad.parquet": (b"PAR1 nonsense PAR1", "cannot be read as Parquet"),
    "no.parquet": (b"a,b\n1,2\n", "is no Parquet file"),
    "packed.parquet.gz": (b"x", "Parquet is compressed inside"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_wrong_file_is_named_with_what_is_wrong(tmp_path, name):
    content, finding = FILES[name]
    (tmp_path / name).write_bytes(content)
    message = refusal(tmp_path / name)
    assert finding in message
    assert str(tmp_path / name) in message


def test_a_truncated_parquet_file_is_cut(tmp_path):
    pl.DataFrame({"a": list(range(10_000))}).write_parquet(tmp_path / "a.parquet")
    content = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(content[: len(content) // 2])
    assert "ends before its Parquet footer" in refusal(tmp_path / "a.parquet")


def test_a_path_without_a_log_is_named(tmp_path):
    assert "there is no such file" in refusal(tmp_path / "none.csv")
    assert "no file matches this glob" in refusal(tmp_path / "*.csv")
    assert "is a directory without a log in it" in refusal(tmp_path)
    (tmp_path / "a.csv").write_text("id\n1\n")
    (tmp_path / "b.jsonl").write_text('{"id": 1}\n')
    assert "mixes CSV (a.csv) and JSON Lines (b.jsonl)" in refusal(tmp_path)


def test_a_log_without_a_suffix_is_known_by_its_first_bytes(tmp_path):
    (tmp_path / "lines.log").write_text('{"id": 1}\n')
    (tmp_path / "cells.log").write_text("id\n1\n")
    pl.DataFrame({"id": [1]}).write_parquet(tmp_path / "columns.log")
    assert [cells(tmp_path / f"{name}.log") for name in ("lines", "cells", "columns")] == [
        [{"id": 1}],
        [{"id": "1"}],
        [{"id": 1}],
    ]


def test_missing_columns_are_named_with_what_was_found(tmp_path):
    (tmp_path / "p.csv").write_text("id,predicted_at,prediction\na,2026-01-01T00:00:00Z,stay\n")
    message = refusal(tmp_path / "p.csv", configured())
    assert "no column for prediction_id; its columns are id, predicted_at, prediction" in message
    assert "no column for y_pred" in message
    assert "fields: {y_pred: THEIR_NAME}" in message
    mapped = configured(fields={"prediction_id": "id", "y_pred": "predicted"}, default_model=None)
    message = refusal(tmp_path / "p.csv", mapped)
    assert "source.predictions.fields.y_pred, which says it is called predicted" in message
    assert "defaults: {model: NAME}" in message
    assert "--labels" in refusal(tmp_path / "p.csv", configured(), Kind.LABELLED_PREDICTIONS)
    message = refusal(tmp_path / "p.csv", configured(), Kind.LABELS)
    assert "no column for y_true" in message
    assert "no column for labelled_at" in message


def test_y_pred_need_not_be_a_column_where_a_threshold_makes_it(tmp_path):
    (tmp_path / "p.csv").write_text("prediction_id,predicted_at,score\na,2026-01-01T00:00:00Z,.7\n")
    batches = read(configured(model(threshold=0.5)), Kind.PREDICTIONS, tmp_path / "p.csv")
    assert predictions(*batches) == [("a", AT, "3", 1, (0.7,), {})]


def test_csv_json_lines_and_parquet_give_the_same_events(tmp_path):
    settings = configured(model(segments=["region"]))
    rows = [
        {"prediction_id": f"p{number}", "predicted_at": f"2026-01-01T00:00:{number:02d}.5Z", "y_pred": "leave"}
        | {"score": number / 50, "segment_region": "nz" if number % 2 else None, "version": "1.0"}
        for number in range(50)
    ]
    frame = pl.DataFrame(rows)
    frame.write_csv(tmp_path / "p.csv")
    frame.write_parquet(tmp_path / "p.parquet")
    write_lines(tmp_path / "p.jsonl", rows)
    found = [
        predictions(*read(settings, Kind.PREDICTIONS, tmp_path / f"p.{kind}")) for kind in ("csv", "parquet", "jsonl")
    ]
    assert found[0] == found[1] == found[2]
    assert found[0][1] == ("p1", AT + 1_500, "1.0", 1, (0.02,), {"region": "nz"})


def test_typed_columns_of_parquet_are_read_as_what_they_mean(tmp_path):
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    frame = pl.DataFrame(
        {
            "prediction_id": [7, 8],
            "predicted_at": [moment, moment],
            "y_pred": [1.0, 0.0],
            "scores": [{"0": 0.25, "1": 0.75}, None],
            "y_true": pl.Series([True, None], dtype=pl.Boolean),
            "labelled_at": [date(2026, 1, 2), date(2026, 1, 2)],
            "version": [2.0, None],
        }
    )
    frame.write_parquet(tmp_path / "p.parquet")
    batches = read(configured(model(classes=("0", "1"))), Kind.LABELLED_PREDICTIONS, tmp_path / "p.parquet")
    assert reasons(*batches) == ["unknown class"]
    assert predictions(*batches) == [("8", AT, "3", 0, (None,), {})]
    frame.with_columns(pl.col("y_true").cast(pl.Int8)).write_parquet(tmp_path / "p.parquet")
    batches = read(configured(model(classes=("0", "1"))), Kind.LABELLED_PREDICTIONS, tmp_path / "p.parquet")
    assert predictions(*batches)[0] == ("7", AT, "2", 1, (0.75,), {})
    assert labels(*batches) == [("7", AT + 86_400_000, 1)]


def test_an_empty_cell_of_labels_retracts(tmp_path):
    (tmp_path / "l.csv").write_text('prediction_id,y_true,labelled_at\na,,2026-01-01T00:00:00Z\nb,"",1767225600000.0\n')
    assert labels(*read(configured(), Kind.LABELS, tmp_path / "l.csv")) == [("a", AT, RETRACTED), ("b", AT, RETRACTED)]


def test_wrong_rows_are_dead_letters_with_their_place_and_bytes(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text('prediction_id,predicted_at,y_pred\na,2026-01-01T00:00:00Z,stay\n\n"b\nc",never,"x"\n,1,stay\n')
    (batch,) = read(configured(), Kind.PREDICTIONS, path)
    assert [(each.reason, each.place, each.original) for each in batch.rejected] == [
        ("bad time", f"{path}:4", b'"b\nc",never,"x"'),
        ("missing field", f"{path}:6", b",1,stay"),
    ]
    path = tmp_path / "p.parquet"
    pl.DataFrame([event(), event(y_pred="maybe")]).write_parquet(path)
    (batch,) = read(configured(), Kind.PREDICTIONS, path)
    assert [(each.reason, each.place) for each in batch.rejected] == [("unknown class", f"{path}:2")]
    assert b'"maybe"' in batch.rejected[0].original
    path = tmp_path / "l.jsonl"
    path.write_bytes(lines(label(), b"", b"nonsense", label(labelled_at=None)))
    (batch,) = read(configured(), Kind.LABELS, path)
    assert [(each.reason, each.place) for each in batch.rejected] == [
        ("not JSON", f"{path}:3"),
        ("missing field", f"{path}:4"),
    ]
