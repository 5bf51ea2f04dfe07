"""The ledger: what is written stays, and what was done to it is found."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import InputError, StateBroken, StateInUse
from monitor.revalidate.ledger.ledger import KINDS, Known, Ledger, verify

ROOT = Path(__file__).parents[2]


def written(path, n=6):
    """A ledger of n entries; return what the state would know of it."""
    with Ledger(path) as ledger:
        for number in range(n):
            ledger.append(number * 60_000, "me@here", (KINDS[number % len(KINDS)], {"model": "m", "n": number}))
        return Known(ledger.number, ledger.hash)


def lines(path):
    return path.read_bytes().splitlines(keepends=True)


def said(path, known=None):
    return [str(problem) for problem in verify(path, known)]


def forged(line, **changes):
    """A changed entry with a hash that is right."""
    entry = {**json.loads(line), **changes}
    del entry["hash"]
    entry["hash"] = hashlib.sha256(plain(entry)).hexdigest()
    return plain(entry) + b"\n"


def plain(entry):
    return json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def test_an_entry_is_canonical_json_and_carries_the_hash_of_the_one_before(tmp_path):
    path = tmp_path / "made" / "ledger.jsonl"
    with Ledger(path) as ledger:
        [first] = ledger.append(0, "mé@host", ("config", {"sha256": "ab", "share": 0.5}))
        second, third = ledger.append(1500, "b", ("decision", {"seen": {"b": 1, "a": None}}), ("action", {}))
    assert [entry["number"] for entry in (first, second, third)] == [1, 2, 3]
    assert (first["previous"], second["previous"], third["previous"]) == ("0" * 64, first["hash"], second["hash"])
    assert (first["at"], second["at"]) == ("1970-01-01T00:00:00Z", "1970-01-01T00:00:01.500Z")
    for line, entry in zip(lines(path), (first, second, third), strict=True):
        assert line == plain(entry) + b"\n"
        assert entry["hash"] == hashlib.sha256(plain({k: v for k, v in entry.items() if k != "hash"})).hexdigest()
    with Ledger(path) as again:
        assert list(again.entries()) == [first, second, third]
        assert (again.number, again.hash) == (3, third["hash"])
        assert again.append(0, "b", ("action", {}))[0]["previous"] == third["hash"]
    assert said(path) == []


def test_there_is_no_kind_of_entry_beyond_those_that_are_promised_and_no_field_twice(tmp_path):
    with Ledger(tmp_path / "l") as ledger:
        for entry in (("gossip", {}), ("action", {"hash": "1"})):
            with pytest.raises(ValueError, match="no entry"):
                ledger.append(0, "b", entry)
        assert ledger.number == 0
    assert lines(tmp_path / "l") == []


def test_no_ledger_is_nothing_wrong_unless_the_state_knows_of_one(tmp_path):
    assert said(tmp_path / "l") == []
    [gone] = said(tmp_path / "l", (3, "ab"))
    assert gone.startswith(f"{tmp_path / 'l'}: entries 1 to 3 are missing at the end, which the state knows: removed")


def test_a_changed_entry_is_found_and_named(tmp_path):
    known = written(tmp_path / "l")
    for at, line in enumerate(lines(tmp_path / "l")):
        copy = tmp_path / f"c{at}"
        changed = line.replace(b'"model":"m"', b'"model":"n"')
        copy.write_bytes(b"".join([*lines(tmp_path / "l")[:at], changed, *lines(tmp_path / "l")[at + 1 :]]))
        [finding] = said(copy, known)
        assert finding.startswith(f"{copy}:{at + 1}: entry {at + 1} was changed: it says hash ")
        assert "restore the ledger from a copy" in finding


def test_an_entry_that_was_changed_with_its_hash_is_found_by_the_one_after_it_or_by_the_state(tmp_path):
    known = written(tmp_path / "l")
    own = lines(tmp_path / "l")
    (tmp_path / "middle").write_bytes(b"".join([*own[:2], forged(own[2], by="nobody"), *own[3:]]))
    [finding] = said(tmp_path / "middle", known)
    assert ":4: entry 4 does not follow from entry 3: one of them was replaced or inserted" in finding
    (tmp_path / "last").write_bytes(b"".join([*own[:-1], forged(own[-1], by="nobody")]))
    assert said(tmp_path / "last") == []
    [finding] = said(tmp_path / "last", known)
    assert ":6: entry 6 is another one than the state knows" in finding


def test_a_ledger_that_was_forged_from_some_entry_on_is_found_by_the_state(tmp_path):
    known = written(tmp_path / "l")
    own, last = lines(tmp_path / "l"), None
    for at in range(2, 6):
        own[at] = forged(own[at], by="nobody", **({} if last is None else {"previous": last}))
        last = json.loads(own[at])["hash"]
    (tmp_path / "l").write_bytes(b"".join(own))
    assert said(tmp_path / "l") == []
    [finding] = said(tmp_path / "l", known)
    assert ":6: entry 6 is another one than the state knows" in finding


def test_another_way_to_write_an_entry_is_a_change(tmp_path):
    written(tmp_path / "l")
    own = lines(tmp_path / "l")
    own[3] = json.dumps(json.loads(own[3])).encode() + b"\n"
    (tmp_path / "l").write_bytes(b"".join(own))
    [finding] = said(tmp_path / "l")
    assert ":4: entry 4 was changed: it is not written as foldwatch writes it" in finding


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        ([0], ":1: entry 1 is missing before entry 2: removed"),
        ([2], ":3: entry 3 is missing before entry 4: removed"),
        ([1, 2, 3], ":2: entries 2 to 4 are missing before entry 5: removed"),
        ([5], ": entry 6 is missing at the end, which the state knows: removed"),
        ([3, 4, 5], ": entries 4 to 6 are missing at the end, which the state knows: removed"),
    ],
)
def test_removed_entries_are_found_and_named(tmp_path, gone, words):
    known = written(tmp_path / "l")
    own = lines(tmp_path / "l")
    (tmp_path / "l").write_bytes(b"".join(line for at, line in enumerate(own) if at not in gone))
    [finding] = said(tmp_path / "l", known)
    assert finding.startswith(f"{tmp_path / 'l'}{words}")


def test_entries_in_another_order_are_found_and_named(tmp_path):
    known = written(tmp_path / "l")
    own = lines(tmp_path / "l")
    own[1], own[2] = own[2], own[1]
    (tmp_path / "l").write_bytes(b"".join(own))
    [finding] = said(tmp_path / "l", known)
    assert ":3: entry 2 stands behind entry 3: the order was changed" in finding


def test_inserted_entries_are_found_and_named(tmp_path):
    known = written(tmp_path / "l")
    own = lines(tmp_path / "l")
    (tmp_path / "twice").write_bytes(b"".join([*own[:3], own[2], *own[3:]]))
    [finding] = said(tmp_path / "twice", known)
    assert ":4: entry 3 stands there a second time: inserted" in finding
    made = forged(own[2], number=4, previous=json.loads(own[2])["hash"])
    (tmp_path / "made").write_bytes(b"".join([*own[:3], made, *own[3:]]))
    findings = said(tmp_path / "made", known)
    assert ":5: entry 4 stands there a second time: inserted" in findings[0]
    assert ":6: entry 5 does not follow from entry 4" in findings[1]


def test_a_line_that_is_cut_in_the_middle_is_found_and_named(tmp_path):
    known = written(tmp_path / "l")
    own = lines(tmp_path / "l")
    (tmp_path / "l").write_bytes(b"".join([*own[:2], own[2][:40] + b"\n", *own[3:]]))
    [finding] = said(tmp_path / "l", known)
    assert ":3: entry 3 cannot be read: the line is cut or damaged" in finding


def test_a_torn_last_line_is_nothing_wrong_unless_the_state_knows_it(tmp_path):
    known = written(tmp_path / "l")
    whole = (tmp_path / "l").read_bytes()
    own = lines(tmp_path / "l")
    before = Known(5, json.loads(own[4])["hash"])
    for cut in (1, 20, len(own[-1]) - 1):
        (tmp_path / "l").write_bytes(whole[: len(whole) - cut])
        assert said(tmp_path / "l", before) == said(tmp_path / "l") == []
        [finding] = said(tmp_path / "l", known)
        assert "entry 6 is missing at the end" in finding


def test_who_opens_a_ledger_cuts_off_what_a_dying_writer_left(tmp_path):
    written(tmp_path / "l", 2)
    whole = (tmp_path / "l").read_bytes()
    (tmp_path / "l").write_bytes(whole + b'{"at":"2026')
    with Ledger(tmp_path / "l", read_only=True) as ledger:
        assert ledger.number == 2
    assert (tmp_path / "l").read_bytes() == whole + b'{"at":"2026'
    with Ledger(tmp_path / "l") as ledger:
        assert (tmp_path / "l").read_bytes() == whole
        assert ledger.append(0, "b", ("action", {}))[0]["number"] == 3
    assert said(tmp_path / "l") == []


def test_a_ledger_that_was_tampered_with_can_be_read_and_is_not_added_to(tmp_path):
    known = written(tmp_path / "l")
    own = lines(tmp_path / "l")
    (tmp_path / "l").write_bytes(b"".join([*own[:2], own[2][:40] + b"\n", *own[3:]]))
    before = (tmp_path / "l").read_bytes()
    with Ledger(tmp_path / "l", known) as ledger:
        assert [entry["number"] for entry in ledger.entries()] == [1, 2, 4, 5, 6]
        with pytest.raises(InputError, match=r":3: entry 3 cannot be read.*restore the ledger from a copy"):
            ledger.append(0, "b", ("action", {}))
    assert (tmp_path / "l").read_bytes() == before


def test_a_ledger_belongs_to_one_writer_and_any_number_of_readers(tmp_path):
    written(tmp_path / "l", 1)
    with Ledger(tmp_path / "l"):
        with pytest.raises(StateInUse, match="in use by another process"):
            Ledger(tmp_path / "l")
        with Ledger(tmp_path / "l", read_only=True) as reader:
            assert reader.number == 1
            with pytest.raises(StateBroken, match="open for reading alone"):
                reader.append(0, "b", ("action", {}))
    Ledger(tmp_path / "l").close()


def test_to_read_a_ledger_makes_none(tmp_path):
    with Ledger(tmp_path / "deep" / "l", read_only=True) as ledger:
        assert (ledger.number, list(ledger.entries())) == (0, [])
    assert list(tmp_path.iterdir()) == []


def test_a_folder_or_a_pipe_where_the_file_should_be_is_said(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name, words in (("folder", "is a folder, not a file"), ("pipe", "is no plain file")):
        with pytest.raises(InputError, match=words) as refused:
            Ledger(tmp_path / name)
        assert "name a file in `ledger.path`" in refused.value.problems[0].remedy
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="cannot be opened"):
        Ledger(tmp_path / "file" / "ledger.jsonl")
    with pytest.raises(InputError, match="is a folder"):
        verify(tmp_path / "folder", None)


def test_a_file_that_is_taken_away_or_cut_while_it_is_open_is_noticed_and_what_another_adds_is_not_kept(tmp_path):
    written(tmp_path / "l", 2)
    whole = (tmp_path / "l").read_bytes()
    with Ledger(tmp_path / "l") as ledger:
        (tmp_path / "l").write_bytes(whole[:50])
        with pytest.raises(StateBroken, match="moved, replaced or cut"):
            ledger.append(0, "b", ("action", {}))
        (tmp_path / "l").write_bytes(whole + b"gossip\n")
        ledger.append(0, "b", ("action", {}))
        assert said(tmp_path / "l") == []
        (tmp_path / "l").rename(tmp_path / "elsewhere")
        with pytest.raises(StateBroken, match="moved, replaced or cut"):
            ledger.append(0, "b", ("action", {}))


FULL = """
import resource, signal, sys
from pathlib import Path
from monitor.errors import StateBroken
from monitor.revalidate.ledger.ledger import Ledger
path, limit = Path(sys.argv[1]), int(sys.argv[2])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with Ledger(path) as ledger:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        ledger.append(0, "b", ("action", {"text": "x" * 100}))
    except StateBroken as error:
        print(error)
    before = path.read_bytes()
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    ledger.append(0, "b", ("action", {"text": "y"}))
    assert path.read_bytes().startswith(before)
"""


@pytest.mark.parametrize("room", [0, 1, 60])
def test_a_full_disk_leaves_no_half_entry_and_once_there_is_room_it_goes_on(tmp_path, room):
    written(tmp_path / "l", 2)
    before = (tmp_path / "l").read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", FULL, tmp_path / "l", str(len(before) + room)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{tmp_path / 'l'}: the disk is full (")
    assert "make room and ask again: nothing was written, and what was in force stays in force" in done.stdout
    assert said(tmp_path / "l") == []
    assert [json.loads(line).get("text") for line in lines(tmp_path / "l")] == [None, None, "y"]


def test_a_disk_that_is_read_only_is_said(tmp_path, monkeypatch):
    written(tmp_path / "l", 2)
    before = (tmp_path / "l").read_bytes()
    with Ledger(tmp_path / "l") as ledger:

        def refuse(*_):
            raise OSError(30, "Read-only file system")

        monkeypatch.setattr(os, "fsync", refuse)
        with pytest.raises(StateBroken, match=r"cannot be written .Read-only file system.; make"):
            ledger.append(0, "b", ("action", {}))
        monkeypatch.undo()
    assert (tmp_path / "l").read_bytes() == before


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_is_done_to_the_lines_of_a_ledger_is_found(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("any")
    known = written(folder / "l", data.draw(st.integers(1, 7)))
    own = lines(folder / "l")
    order = data.draw(st.lists(st.integers(0, len(own) - 1), max_size=9))
    (folder / "l").write_bytes(b"".join(own[at] for at in order))
    assert (said(folder / "l", known) == []) == (order == list(range(len(own))))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_flipped_bit_is_found(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("bit")
    known = written(folder / "l", 3)
    content = bytearray((folder / "l").read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    (folder / "l").write_bytes(bytes(content))
    assert said(folder / "l", known) != []
