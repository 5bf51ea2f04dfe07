"""Dead letters are lines of JSON, appended, with the original bytes."""

from __future__ import annotations

import base64
import json
import resource
import signal

import pytest
from source_drive import NOW

from monitor.errors import InputError, SourceUnavailable
from monitor.sources.dead_letters.file import DeadLetterFile, read_file
from monitor.sources.dead_letters.letters import FOREIGN, Letter, each_once
from monitor.sources.source import Rejected


def letter(original: bytes) -> Rejected:
    return Rejected("not JSON", "JSON is malformed", "log:7", original)


def test_every_letter_is_one_line_and_keeps_its_bytes(tmp_path):
    path = tmp_path / "new" / "dead.jsonl"
    originals = [b'{"a": "\xc3\xa9"}', b"\xff\x00\n", b"", b'line\r\n"']
    file = DeadLetterFile(path)
    file.write([letter(each) for each in originals], NOW)
    file.write([], NOW)
    file.close()
    file.close()
    found = [json.loads(line) for line in path.read_text().splitlines()]
    values = [each["value"] for each in found]
    kept = [
        base64.b64decode(value) if each.get("encoding") == "base64" else value.encode()
        for each, value in zip(found, values, strict=True)
    ]
    assert kept == originals
    assert ["encoding" in each for each in found] == [False, True, False, False]
    assert {name: found[0][name] for name in ("key", "reason", "detail", "at")} == {
        "key": "log:7",
        "reason": "not JSON",
        "detail": "JSON is malformed",
        "at": "2026-06-01T00:00:00Z",
    }


def test_a_second_writer_appends_and_ends_a_line_that_was_cut(tmp_path):
    path = tmp_path / "dead.jsonl"
    path.write_bytes(b'{"reason": "cut"')
    for original in (b"a", b"b"):
        file = DeadLetterFile(path)
        file.write([letter(original)], NOW)
        file.close()
    found = path.read_bytes().splitlines()
    assert found[0] == b'{"reason": "cut"'
    assert [json.loads(line)["value"] for line in found[1:]] == ["a", "b"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(InputError, match=r"cannot be written \(Is a directory\)"):
        DeadLetterFile(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        DeadLetterFile(tmp_path / "file" / "dead.jsonl")


def test_what_came_in_a_message_keeps_its_key_and_its_moment(tmp_path):
    path = tmp_path / "dead.jsonl"
    events = [
        Rejected("bad id", "…", "labels/3/9", b"{}", key, timestamp)
        for key, timestamp in ((b"p1", 17), (b"\xff", 18), (b"", None), (None, 19))
    ]
    file = DeadLetterFile(path)
    file.write(events, NOW)
    file.close()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line.get("message_key"), line.get("timestamp")) for line in lines] == [
        ("p1", 17),
        ("/w==", 18),
        ("", None),
        (None, 19),
    ]
    assert [letter.key for letter in read_file(path)] == [b"p1", b"\xff", b"", None]
    assert [letter.timestamp for letter in read_file(path)] == [17, 18, None, 19]


def test_letters_are_read_as_they_were_written(tmp_path):
    path = tmp_path / "dead.jsonl"
    originals = [b'{"a": "\xc3\xa9"}', b"\xff\x00\n", b"", b'line\r\n"']
    file = DeadLetterFile(path)
    file.write([letter(each) for each in originals], NOW)
    file.close()
    assert list(read_file(path)) == [
        Letter("log:7", original, "not JSON", "JSON is malformed", NOW) for original in originals
    ]


def test_a_path_that_is_no_text_does_not_keep_a_letter_from_being_written(tmp_path):
    file = DeadLetterFile(tmp_path / "dead.jsonl")
    file.write([Rejected("not JSON", "", "l\udcf6g:7", b"x")], NOW)
    file.close()
    assert [each.place for each in read_file(tmp_path / "dead.jsonl")] == ["l\\udcf6g:7"]


def test_a_line_that_is_no_letter_is_shown_and_one_that_is_being_written_is_waited_for(tmp_path):
    path = tmp_path / "dead.jsonl"
    whole = b'{"key": "a:1", "value": "x", "reason": "not JSON", "at": "long ago"}\n'
    path.write_bytes(
        whole + b'\n{"key": 3}\n{"key": "a:1", "value": "?", "encoding": "base64", "reason": "r"}\n{"key": "a'
    )
    assert [(each.place, each.reason, each.at) for each in read_file(path)] == [
        ("a:1", "not JSON", None),
        (f"{path}:3", FOREIGN, None),
        (f"{path}:4", FOREIGN, None),
    ]


def test_a_missing_file_is_named_with_what_would_make_it(tmp_path):
    with pytest.raises(InputError, match=r"dead.jsonl: there is no such file of dead letters; .*foldwatch run"):
        list(read_file(tmp_path / "dead.jsonl"))
    with pytest.raises(InputError, match="cannot be read"):
        list(read_file(tmp_path))


def test_a_letter_that_was_written_twice_comes_once_and_two_events_of_one_place_come_both():
    first, second, other = (
        Letter(place, value, "r", "", 0) for place, value in (("a:1", b"x"), ("a:1", b"y"), ("a:2", b"x"))
    )
    assert list(each_once([first, second, first, other, second])) == [first, second, other]
    assert list(each_once([Letter("a", b"bc", "r", "", 0), Letter("ab", b"c", "r", "", 0)]))[1].place == "ab"


def test_a_disk_that_is_full_is_said_and_what_did_not_fit_is_written_later(tmp_path):
    file = DeadLetterFile(tmp_path / "dead.jsonl")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (150, limits[1]))
        file.write([letter(b"fits")], NOW)
        with pytest.raises(SourceUnavailable, match=r"dead letters cannot be written: File too large; .* make room"):
            file.write([letter(b"x" * 100)], NOW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    file.write([letter(b"x" * 100)], NOW)
    file.close()
    found = [each for each in read_file(tmp_path / "dead.jsonl") if each.reason != FOREIGN]
    assert [each.value for each in found] == [b"fits", b"x" * 100]
