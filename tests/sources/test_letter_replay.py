"""After a fix: which letters are valid now, and their way back into the files they came from."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace

from source_drive import NOW, configured, event, label, lines, model

from monitor.clock import ManualClock
from monitor.config.settings import DeadLetters, Input
from monitor.sources.dead_letters.judge import ELSEWHERE, TRUNCATED, Judge
from monitor.sources.dead_letters.kept import kept_letters, open_dead_letters
from monitor.sources.dead_letters.letters import FOREIGN, Letter
from monitor.sources.dead_letters.replay import replay
from monitor.sources.dead_letters.summary import chosen, summarize
from monitor.sources.dead_letters.way_back import ToFiles
from monitor.sources.source import Rejected


def letter(place, content, **more):
    value = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Letter(place, value, "missing field", "no prediction_id", NOW, **more)


def files(tmp_path, **more):
    paths = (tmp_path / "predictions.jsonl", tmp_path / "labels.jsonl")
    dead_letters = DeadLetters(tmp_path / "dead.jsonl")
    return configured(model(), kind="files", paths=paths, dead_letters=dead_letters, **more)


def topics():
    settings = configured(model(), kind="kafka")
    inputs = {name: Input(topic=name) for name in ("predictions", "labels")}
    return replace(settings, source=replace(settings.source, **inputs))


def why(settings, *letters, now=NOW):
    return [each.why for each in Judge(settings).judge(letters, now)]


def test_letters_are_judged_by_the_kind_of_where_they_came_from(tmp_path):
    settings = files(tmp_path)
    p, q = (str(given.path) for given in (settings.source.predictions, settings.source.labels))
    assert why(settings, letter(f"{p}:1", event()), letter(f"{q}:1", label())) == [None, None]
    assert why(settings, letter(f"{q}:1", event()), letter(f"{p}:1", label())) == ["missing field"] * 2
    (valid,) = Judge(settings).judge([letter(f"{p}:1", event())], NOW)
    assert (valid.origin, valid.model, valid.at) == (p, "churn", 1_767_225_600_000)


def test_without_labels_of_their_own_predictions_carry_them(tmp_path):
    settings = configured(model(), kind="files", paths=(tmp_path / "p.jsonl", None))
    place = f"{tmp_path / 'p.jsonl'}:1"
    assert why(settings, letter(place, event(y_true="leave")), letter(place, event(y_true="eh"))) == [
        None,
        "unknown class",
    ]


def test_a_place_is_known_again_by_another_way_to_the_file_and_not_where_two_files_could_be_meant(tmp_path):
    settings = files(tmp_path)
    assert why(settings, letter("elsewhere/predictions.jsonl:4", event())) == [None]
    assert why(settings, letter("logs/old.jsonl:4", event())) == [ELSEWHERE]
    alike = configured(model(), kind="files", paths=(tmp_path / "a" / "log.jsonl", tmp_path / "b" / "log.jsonl"))
    assert why(alike, letter("c/log.jsonl:4", event())) == [ELSEWHERE]


def test_what_cannot_be_replayed_is_told_apart(tmp_path):
    settings = files(tmp_path, default_model=None)
    p = str(settings.source.predictions.path)
    found = Judge(settings).judge(
        [
            letter(f"{p}:1", event(model="churn")),
            letter(f"{p}:2", b"nonsense"),
            letter(f"{p}:3", event(model="foreign")),
            letter(f"{p}:4", event(model="churn", predicted_at="2027-01-01T00:00:00Z")),
            letter(f"{p}:5", b'{"prediction_id"', truncated=2_000_000),
            Letter(f"{p}:6", b"", FOREIGN, "the line is no letter of foldwatch", None),
            letter(f"{p}:7", b""),
            letter(f"{p}:8", b"x" * (2**20 + 1)),
        ],
        NOW,
    )
    assert [each.why for each in found] == [
        None,
        "not JSON",
        "unknown model",
        "implausible time",
        TRUNCATED,
        FOREIGN,
        "not JSON",
        "oversized",
    ]
    assert all(each.detail for each in found[1:])


def test_a_message_is_one_event_over_as_many_lines_as_it_likes_and_its_moment_stands_in_for_labelled_at():
    settings = topics()
    pretty = json.dumps(event(), indent=2).encode()
    unlabelled = label(labelled_at=...)
    found = Judge(settings).judge(
        [
            letter("predictions/0/1", pretty),
            letter("labels/7/2", unlabelled, timestamp=NOW - 5),
            letter("labels/7/3", unlabelled),
            letter("other/0/1", event()),
        ],
        NOW,
    )
    assert [(each.origin, each.why) for each in found] == [
        ("predictions", None),
        ("labels", None),
        ("labels", "missing field"),
        (None, ELSEWHERE),
    ]
    assert found[1].at == NOW - 5


def test_a_replay_appends_what_is_valid_to_its_file_and_counts_what_is_left(tmp_path):
    settings = files(tmp_path)
    p, q = settings.source.predictions.path, settings.source.labels.path
    p.write_bytes(lines(event()))
    q.write_bytes(lines(label()))
    kept = open_dead_letters(settings)
    events = [(p, event(prediction_id=f"n{n}")) for n in range(1_500)] + [(q, label(prediction_id="n1")), (p, b"?")]
    rejected = [Rejected("bad id", "", f"{path}:{n}", lines(value)[:-1]) for n, (path, value) in enumerate(events)]
    kept.write(rejected, NOW)
    kept.close()

    def replayed(way):
        with kept_letters(settings) as found:
            way_back = found.way_back() if way else None
            *_, done = replay(found.letters, Judge(settings), way_back, ManualClock(NOW), settings)
        return done

    only_said = replayed(way=False)
    assert p.read_bytes() == lines(event())
    done = replayed(way=True)
    assert done.sent == only_said.sent == {str(p): 1_500, str(q): 1}
    assert {why: left.letters for why, left in done.left.items()} == {"not JSON": 1}
    assert done.left["not JSON"].first.letter.place == f"{p}:1501"
    assert done.read == 1_502
    assert p.read_bytes() == lines(event(), *(event(prediction_id=f"n{n}") for n in range(1_500)))
    assert q.read_bytes() == lines(label(), label(prediction_id="n1"))


def test_events_that_may_be_too_old_for_the_daemon_are_counted(tmp_path):
    settings = files(tmp_path)
    place = f"{settings.source.predictions.path}:1"
    hours = [NOW - 3_600_000 * n for n in (1, 2, 3)]  # the correction window and the wait for labels are 1 h each
    letters = [letter(place, event(predicted_at=at)) for at in hours]
    (done,) = replay(letters, Judge(settings), None, ManualClock(NOW), settings)
    assert done.old == 1


def test_a_line_that_a_writer_has_not_ended_is_waited_for_and_else_ended(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_bytes(b'{"a": ')

    def end_it():
        with path.open("ab") as file:
            file.write(b"1}\n")

    writer = threading.Timer(0.2, end_it)
    writer.start()
    ToFiles().send(str(path), [letter("x:1", b"{}")])
    writer.join()
    assert path.read_bytes() == b'{"a": 1}\n{}\n'
    path.write_bytes(b'{"a": 1}')
    begun = time.monotonic()
    ToFiles().send(str(path), [letter("x:1", b"{}")])
    assert path.read_bytes() == b'{"a": 1}\n{}\n'
    assert 0.9 < time.monotonic() - begun < 5


def test_a_summary_counts_by_reason_and_keeps_the_newest():
    moments = [5, 1, 9, 7, None, 3]
    letters = [Letter(f"a:{n}", b"", "bad id", "", at) for n, at in enumerate(moments)]
    letters += [Letter("b:1", b"", "not JSON", "", 11), Letter("c:1", b"", FOREIGN, "", None)]
    found = summarize(letters, 2)
    assert [(each.reason, each.letters, each.oldest, each.newest) for each in found] == [
        ("not JSON", 1, 11, 11),
        ("bad id", 6, 1, 9),
        (FOREIGN, 1, None, None),
    ]
    assert [each.place for each in found[1].sample] == ["a:2", "a:3"]
    assert [each.sample for each in summarize(letters, 0)] == [(), (), ()]
    assert [each.place for each in chosen(letters, ["bad id"], 7)] == ["a:2", "a:3"]
    assert list(chosen(letters, [], None)) == letters
