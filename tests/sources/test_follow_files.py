"""The daemon's source follows growing files: through half lines, rotation, truncation, absence and restart."""

from __future__ import annotations

import pytest
from source_drive import NOW, configured, event, label, labels, lines, predictions, reasons

from monitor.clock import ManualClock
from monitor.errors import InputError, SourceUnavailable
from monitor.sources.decoding.json_lines import LONGEST_LINE
from monitor.sources.files import Files


@pytest.fixture
def followed(tmp_path):
    """Return (the paths of predictions and labels, makes a source that follows them)."""
    paths = tmp_path / "p.jsonl", tmp_path / "l.jsonl"

    made = []

    def source(**options):
        most = options.pop("most", 2**20)
        made.append(Files(configured(paths=paths, kind="files", **options), ManualClock(NOW), most=most))
        return made[-1]

    yield *paths, source
    for each in made:
        each.close()


def append(path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


def named(*batches) -> list[str]:
    return [each[0] for each in predictions(*batches)]


def one(name: str) -> bytes:
    return lines(event(prediction_id=name))


def test_what_is_appended_is_read_once(followed):
    first, second, make = followed
    append(first, one("a"))
    append(second, lines(label(prediction_id="a")))
    source = make()
    batch = source.poll()
    assert (named(batch), [each[0] for each in labels(batch)], batch.read) == (["a"], ["a"], 2)
    assert batch.offsets == {"predictions": first.stat().st_size, "labels": second.stat().st_size}
    events = batch.models["churn"]
    assert events.labels.order[0] > events.predictions.order[0]
    assert source.poll().read == 0
    append(first, one("b") + one("c"))
    assert named(source.poll()) == ["b", "c"]
    source.close()
    source.close()


def test_a_half_written_line_waits_for_its_end(followed):
    first, second, make = followed
    second.touch()
    whole = one("é")
    append(first, one("a") + whole[:25])
    source = make()
    assert named(source.poll()) == ["a"]
    for place in range(25, len(whole) - 1):
        append(first, whole[place : place + 1])
        batch = source.poll()
        assert (batch.read, batch.offsets["predictions"]) == (0, len(one("a")))
    append(first, b"\n" + one("b"))
    assert named(source.poll()) == ["é", "b"]


def test_rotation_finishes_the_old_file_first(followed):
    first, second, make = followed
    second.touch()
    append(first, one("a"))
    source = make()
    assert named(source.poll()) == ["a"]
    append(first, one("b") + one("c").strip())
    first.rename(first.with_suffix(".1"))
    assert named(source.poll()) == ["b"]
    assert source.poll().read == 0
    append(first, one("d"))
    batch = source.poll()
    assert (named(batch), batch.offsets["predictions"]) == (["c"], 0)
    assert "rotated" in batch.notices[0]
    batch = source.poll()
    assert (named(batch), batch.offsets["predictions"]) == (["d"], len(one("d")))
    append(first, b"bad\n")
    assert [each.place for each in source.poll().rejected] == [f"{first}:2"]


def test_truncation_starts_again_and_says_so(followed):
    first, second, make = followed
    second.touch()
    append(first, one("a") + one("b") + b'{"half')
    source = make()
    assert named(source.poll()) == ["a", "b"]
    first.write_bytes(one("c"))
    batch = source.poll()
    assert named(batch) == ["c"]
    assert "truncated" in batch.notices[0]
    first.write_bytes(one("a much longer name than before") * 2)
    batch = source.poll()
    assert len(named(batch)) == 2
    assert "truncated" in batch.notices[0]
    assert source.poll().notices == []


def test_a_missing_file_is_named_and_found_when_it_comes(followed):
    first, second, make = followed
    source = make()
    for path in (first, second):
        with pytest.raises(SourceUnavailable, match=str(path)):
            source.poll()
    append(first, one("a"))
    assert named(source.poll()) == ["a"]
    with pytest.raises(SourceUnavailable, match=str(second)):
        source.poll()
    append(second, lines(label()))
    assert len(labels(source.poll())) == 1
    assert source.poll().read == 0


def test_a_directory_is_no_file(followed):
    first, _, make = followed
    first.mkdir()
    with pytest.raises(SourceUnavailable, match="Is a directory"):
        make().poll()


def test_latest_begins_behind_what_is_there(followed):
    first, second, make = followed
    append(first, one("old") + one("half")[:20])
    source = make(start="latest")
    with pytest.raises(SourceUnavailable, match=str(second)):
        source.poll()
    append(first, one("half")[20:] + one("new") + b"bad\n")
    append(second, lines(label()))
    batch = source.poll()
    assert named(batch) == ["half", "new"]
    assert len(labels(batch)) == 1
    assert [each.place for each in batch.rejected] == [f"{first}:4"]


def test_a_restart_goes_on_at_the_offsets(followed):
    first, second, make = followed
    append(first, one("a") + one("b"))
    append(second, lines(label()))
    source = make(most=10)
    offsets = source.poll().offsets
    append(first, one("c") + b"bad\n")
    restarted = make(start="latest")
    restarted.seek(offsets)
    batch = restarted.poll()
    assert named(batch) == ["c"]
    assert [each.place for each in batch.rejected] == [f"{first}:4"]
    first.write_bytes(one("z"))
    moved = make()
    moved.seek({"predictions": offsets["predictions"] - 3, "labels": offsets["labels"]})
    batch = moved.poll()
    assert named(batch) == ["z"]
    assert "not the file it was" in batch.notices[0]


def test_a_line_beyond_the_limit_is_a_dead_letter_of_bounded_size(followed):
    first, second, make = followed
    second.touch()
    append(first, one("a") + b'{"x": "' + b"y" * (3 * LONGEST_LINE))
    source = make()
    assert named(source.poll()) == ["a"]
    assert source.poll().offsets["predictions"] == len(one("a"))
    append(first, b'"}\n' + one("b"))
    batch = source.poll()
    assert (named(batch), reasons(batch)) == (["b"], ["oversized"])
    assert len(batch.rejected[0].original) == LONGEST_LINE + 1
    assert batch.offsets["predictions"] == first.stat().st_size


def test_batches_are_bounded(followed):
    first, second, make = followed
    second.touch()
    append(first, one("a") * 60_000)
    source = make(most=2**20)
    counts = []
    while (batch := source.poll()).read:
        counts.append(batch.read)
    assert sum(counts) == 60_000
    assert max(counts) * len(one("a")) <= 2**21
    assert len(counts) >= 3


def test_without_a_file_of_labels_predictions_carry_them(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_bytes(lines(event(y_true="leave"), event(prediction_id="b")))
    source = Files(configured(paths=(path, None)), ManualClock(NOW))
    batch = source.poll()
    assert (named(batch), [each[2] for each in labels(batch)]) == (["a", "b"], [1])
    source.close()
    with pytest.raises(InputError, match=r"source\.predictions\.path"):
        Files(configured(), ManualClock(NOW))
