"""History arrives in its true order, whatever the order of rows, the number of files or their format."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from source_drive import NOW, configured, event, label, labels, lines, model, predictions, reasons, stream, write_lines

from monitor.clock import DAY, HOUR
from monitor.errors import InputError
from monitor.join.events import RETRACTED
from monitor.sources.logs import blocks, pieces, recording
from monitor.sources.logs.recording import Period
from monitor.sources.logs.replay import Replay

AT = 1_767_225_600_000
SETTINGS = configured(model(classes=("stay", "leave", "10", "9"), segments=["region"]))


def everything(replay):
    batches = []
    while (batch := replay.poll()).read:
        batches.append(batch)
    replay.close()
    return batches


def replayed(path, predicted, labelled, settings=SETTINGS, **options):
    first = write_lines(path / "p.jsonl", predicted)
    second = write_lines(path / "l.jsonl", labelled) if labelled else None
    return Replay(settings, first, second, now=NOW, **options)


def test_events_come_in_the_order_of_arrival_and_predictions_before_labels(tmp_path):
    predicted = [event(prediction_id="b", predicted_at=AT + HOUR), event(prediction_id="a", predicted_at=AT)]
    labelled = [
        label(prediction_id="a", labelled_at=AT + HOUR),
        label(prediction_id="b", labelled_at=AT - HOUR),
        label(prediction_id="b", labelled_at=AT + 2 * HOUR),
    ]
    replay = replayed(tmp_path, predicted, labelled)
    assert (replay.first_arrival, replay.last_arrival, replay.last_predicted_at) == (
        AT - HOUR,
        AT + 2 * HOUR,
        AT + HOUR,
    )
    assert [each[:2] for each in stream(*everything(replay))] == [
        ("b", AT - HOUR),
        ("a", AT),
        ("b", AT + HOUR),
        ("a", AT + HOUR),
        ("b", AT + 2 * HOUR),
    ]


def test_in_one_moment_null_comes_before_classes_and_the_larger_text_first(tmp_path):
    labelled = [label(labelled_at=AT, y_true=value) for value in ("10", "stay", "9", None, "leave")]
    found = labels(*everything(replayed(tmp_path, [event()], labelled)))
    assert [each[2] for each in found] == [RETRACTED, 0, 1, 3, 2]


def test_poll_until_delivers_what_arrived_and_nothing_else(tmp_path):
    predicted = [event(prediction_id=str(hour), predicted_at=AT + hour * HOUR) for hour in range(5)]
    replay = replayed(tmp_path, predicted, [])
    before = replay.poll_until(AT - 1)
    assert (before.read, before.passed) == (0, AT - 1)
    batch = replay.poll_until(AT + 2 * HOUR)
    assert [each[0] for each in predictions(batch)] == ["0", "1", "2"]
    assert batch.passed == AT + 2 * HOUR
    assert replay.poll_until(AT + 2 * HOUR).read == 0
    assert [each[0] for each in predictions(replay.poll_until(AT + 2 * HOUR), replay.poll_until(NOW))] == ["3", "4"]
    assert replay.poll_until(NOW).read == 0


def test_a_period_holds_its_start_and_not_its_end(tmp_path):
    predicted = [event(prediction_id=str(hour), predicted_at=AT + hour * HOUR) for hour in range(5)]
    labelled = [label(prediction_id="0", labelled_at=AT + 2 * HOUR)]
    replay = replayed(tmp_path, predicted, labelled, period=Period(AT + HOUR, AT + 3 * HOUR))
    assert (replay.first_arrival, replay.last_arrival) == (AT + HOUR, AT + 2 * HOUR)
    assert [each[0] for each in stream(*everything(replay))] == ["1", "2", "0"]
    with pytest.raises(InputError, match=r"none of its 6 events arrives in \[the beginning, 2026-01-01T00:00:00Z\)"):
        replayed(tmp_path, predicted, labelled, period=Period(end=AT))


def test_a_label_without_a_time_arrives_with_its_prediction(tmp_path):
    rows = [event(prediction_id="a", y_true="stay"), event(prediction_id="b", predicted_at=AT + 1, y_true="")]
    write_lines(tmp_path / "p.jsonl", rows[:1])
    pl.DataFrame(rows[:1]).write_csv(tmp_path / "p.csv")
    for name in ("p.jsonl", "p.csv"):
        (batch,) = everything(Replay(SETTINGS, tmp_path / name, now=NOW))
        assert labels(batch) == [("a", AT, 0)]
        assert batch.models["churn"].labels.order.tolist() == [1]
    pl.DataFrame(rows).with_columns(predicted_at=pl.lit("2026-01-01T00:00:00Z")).write_csv(tmp_path / "p.csv")
    assert labels(*everything(Replay(SETTINGS, tmp_path / "p.csv", now=NOW))) == [("a", AT, 0)]


def test_dead_letters_and_skipped_events_come_once_and_first(tmp_path):
    bad = [event(prediction_id=str(number), y_pred="maybe") for number in range(3)]
    first = write_lines(tmp_path / "p.jsonl", [event(), *bad, event(model="other"), event(prediction_id="z")])
    replay = Replay(SETTINGS, first, write_lines(tmp_path / "l.jsonl", [label()]), now=NOW)
    batch = replay.poll_until(AT - 1)
    assert (reasons(batch), batch.skipped, batch.read) == (["unknown class"] * 3, {"unknown model": 1}, 4)
    assert [(reasons(each), each.skipped, each.read) for each in everything(replay)] == [([], {}, 3)]


def test_many_dead_letters_wait_on_the_disk(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_bytes(lines(event(), *(f"bad {number}".encode() for number in range(25_000))))
    batches = everything(Replay(SETTINGS, path, now=NOW))
    assert [len(batch.rejected) for batch in batches] == [10_000, 10_000, 5_000]
    assert [each.original for batch in batches for each in batch.rejected][::8_000] == [
        b"bad 0",
        b"bad 8000",
        b"bad 16000",
        b"bad 24000",
    ]


def test_a_log_without_a_valid_event_says_why(tmp_path):
    bad = [event(prediction_id=...), event(y_pred="maybe"), event(y_pred="maybe"), event(model="other")]
    with pytest.raises(InputError) as caught:
        replayed(tmp_path, bad, [label(model="other")])
    message = str(caught.value)
    assert "no valid event among 5: 2 x unknown class (y_pred is none of the classes: 'maybe')" in message
    assert "1 x missing field (no prediction_id), 2 x unknown model" in message
    (tmp_path / "p.csv").write_text("prediction_id,predicted_at,y_pred,y_true\n")
    with pytest.raises(InputError, match="holds no events"):
        Replay(SETTINGS, tmp_path / "p.csv", now=NOW)


def test_progress_covers_both_files(tmp_path):
    told: list[tuple[int, int]] = []
    everything(replayed(tmp_path, [event()], [label()], progress=lambda *step: told.append(step)))
    size = sum((tmp_path / name).stat().st_size for name in ("p.jsonl", "l.jsonl"))
    assert told[-1] == (size, size)


MOMENTS = st.integers(0, 3).map(lambda hour: AT + hour * HOUR)
PREDICTED = st.lists(
    st.fixed_dictionaries(
        {"prediction_id": st.sampled_from("abc"), "predicted_at": MOMENTS, "y_pred": st.sampled_from(["stay", "9"])},
        optional={
            "version": st.sampled_from("12"),
            "scores": st.just({"stay": 0.25, "leave": 0.25, "10": 0.25, "9": 0.25}),
            "segment_region": st.sampled_from(["eu", "us"]),
        },
    ),
    min_size=1,
    max_size=12,
)
LABELLED = st.lists(
    st.fixed_dictionaries(
        {"prediction_id": st.sampled_from("abc"), "labelled_at": MOMENTS, "y_true": st.sampled_from(["10", "9", None])}
    ),
    max_size=12,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PREDICTED, LABELLED, st.randoms(), st.integers(1, 3))
def test_neither_the_order_of_rows_nor_the_number_of_files_shows(tmp_path, predicted, labelled, random, files):
    plain = [stream(batch) for batch in everything(replayed(tmp_path, predicted, labelled))]
    for rows, name in ((predicted, "p"), (labelled, "l")):
        mixed = random.sample(rows, len(rows))
        for number in range(3):
            content = lines(*(mixed[number::files] if number < files else []))
            (tmp_path / f"{name}{number}.part.jsonl").write_bytes(content)
    parts = [str(tmp_path / f"{name}*.part.jsonl") for name in ("pl" if labelled else "p")]
    assert [stream(batch) for batch in everything(Replay(SETTINGS, *parts, now=NOW))] == plain


@pytest.fixture
def tiny(monkeypatch):
    """Blocks, pieces and memory so small that a small log needs many of them."""
    monkeypatch.setattr(blocks, "BLOCK_EVENTS", 100)
    monkeypatch.setattr(pieces, "PIECE_ROWS", 64)
    monkeypatch.setattr(recording, "IN_MEMORY", 1_000)


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("shuffled", [False, True])
def test_a_log_beyond_memory_is_the_same_log(tmp_path, shuffled):
    rows = 3_000
    random = np.random.default_rng(4)
    at = AT + np.sort(random.integers(0, 2 * DAY, rows)) // 1_000 * 1_000
    later = at + random.integers(0, DAY, rows)
    ids = [f"p{number}" for number in range(rows)]
    frame = pl.DataFrame(
        {"prediction_id": ids, "predicted_at": at, "y_pred": "stay", "y_true": "9", "labelled_at": later}
    )
    if shuffled:
        frame = frame.sample(fraction=1.0, shuffle=True, seed=1)
    frame[:1_700].write_parquet(tmp_path / "1.parquet")
    frame[1_700:].write_parquet(tmp_path / "2.parquet")
    replay = Replay(SETTINGS, tmp_path, now=NOW)
    batches = everything(replay)
    expected = sorted(
        [(int(time), 0, name) for time, name in zip(at, ids, strict=True)]
        + [(int(time), 1, name) for time, name in zip(later, ids, strict=True)]
    )
    assert [each[0] for each in stream(*batches)] == [name for _, _, name in expected]
    assert [batch.read for batch in batches] == [100] * 60
    assert [batch.passed for batch in batches] == [time for time, _, _ in expected[99::100]]
    assert [batch.offsets["replay"] for batch in batches] == list(range(100, 6_100, 100))


@pytest.mark.usefixtures("tiny")
def test_many_events_of_one_moment_are_split_between_batches(tmp_path):
    predicted = [event(prediction_id=f"{number:03d}") for number in range(250)]
    batches = everything(replayed(tmp_path, predicted[::-1], []))
    assert [len(predictions(batch)) for batch in batches] == [100, 100, 50]
    assert [each[0] for each in predictions(*batches)] == [f"{number:03d}" for number in range(250)]


def test_models_of_one_log_are_delivered_together(tmp_path):
    both = configured(model("one"), model("two", classes=("x", "y", "z")), default_model=None)
    predicted = [
        event(model=name, prediction_id=name, predicted_at=AT + place * HOUR, y_pred=value)
        for place, (name, value) in enumerate([("two", "x"), ("one", "stay"), ("two", "z")])
    ]
    (batch,) = everything(replayed(tmp_path, predicted, [label(model="two", y_true="y")], settings=both))
    assert batch.models["one"].predictions.order.tolist() == [1]
    assert batch.models["two"].predictions.order.tolist() == [0, 2]
    assert labels(batch, name="two") == [("a", AT + DAY, 1)]


def test_the_same_json_twice_is_two_events(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps(event()) + "\n" + json.dumps(event()) + "\n")
    assert len(predictions(*everything(Replay(SETTINGS, path, now=NOW)))) == 2
