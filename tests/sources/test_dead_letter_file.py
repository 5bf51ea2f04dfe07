"""Dead letters are lines of JSON, appended, with the original bytes."""

from __future__ import annotations

import base64
import json

import pytest
from source_drive import NOW

from monitor.errors import InputError
from monitor.sources.dead_letters import DeadLetterFile
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
