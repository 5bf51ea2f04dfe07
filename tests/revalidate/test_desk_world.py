"""The desk in a world of full disks, of two who ask at once, of no store, and of many candidates."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from desk_scene import MODEL, NOW, ask, begin, entries, kinds, opened, promoted, result, scene
from promoted_scene import fabricated

from monitor.clock import MINUTE
from monitor.config import load
from monitor.errors import InputError, StateInUse
from monitor.revalidate.decision import Verb
from monitor.revalidate.desk import Progress
from monitor.revalidate.ledger.notes import FileNotes

SUPPORT = Path(__file__).parent.parent / "support"
PATHS = {**os.environ, "PYTHONPATH": os.pathsep.join([str(SUPPORT.parents[1]), str(SUPPORT)])}
BETTER, WORSE = fabricated("3", right=0.95), fabricated("3", right=0.7)


def test_on_a_full_disk_the_old_baseline_stays_in_force_until_there_is_room(tmp_path):
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.fail("unshare is missing: apt-get install util-linux")
    command = [unshare, "-rm", sys.executable, SUPPORT / "desk_full_disk.py", tmp_path]
    done = subprocess.run(command, env=PATHS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    happened = json.loads(done.stdout)
    said = happened["said"]
    assert len(said) >= 2
    for text in said:
        assert "No space left on device" in text
        assert "make room" in text
    assert (happened["decision"], happened["in the end"]) == ("promoted", True)
    assert happened["kinds"] == ["config", "baseline", "decision start", "decision promoted", "promotion"]


TWO = """
import json, sys
from pathlib import Path
from desk_scene import ask, opened
from monitor.config import load
from monitor.errors import StateInUse
from monitor.revalidate.writing.lease import holder
settings = load(Path(sys.argv[1]))
print("ready", flush=True)
input()
while True:
    try:
        with opened(settings) as at:
            [decision] = at.desk.decide(ask(holder=holder(), by=sys.argv[2]))
        break
    except StateInUse:
        pass
print(json.dumps([decision.decision, list(decision.held_back_by), decision.run]), flush=True)
input()
"""


def test_of_two_who_ask_at_once_one_begins_and_the_other_is_held_back(tmp_path):
    scene(tmp_path)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": PATHS}
    both = [subprocess.Popen([sys.executable, "-c", TWO, tmp_path / "foldwatch.yaml", name], **pipes) for name in "ab"]
    try:
        for one in both:
            assert one.stdout.readline() == "ready\n"
        for one in both:
            one.stdin.write("go\n")
            one.stdin.flush()
        with ThreadPoolExecutor(2) as pool:
            said = [json.loads(line) for line in pool.map(lambda one: one.stdout.readline(), both)]
    finally:
        for one in both:
            one.stdin.close()
            one.stdout.close()
            one.wait(30)
    assert sorted(one[:2] for one in said) == [["none", ["open_run"]], ["start", []]]
    settings = load(tmp_path / "foldwatch.yaml")
    assert kinds(settings).count("decision start") == 1


def test_the_state_and_a_ledger_of_its_own_belong_to_one_at_a_time(tmp_path):
    settings = scene(tmp_path)
    with opened(settings):
        with pytest.raises(StateInUse), opened(settings):
            pass
        with (
            pytest.raises(StateInUse, match=r"ledger\.jsonl: is in use"),
            opened(replace(settings, store=tmp_path / "other")),
        ):
            pass


def without_store(folder):
    """The settings of a configuration without `store`."""
    scene(folder)
    path = folder / "foldwatch.yaml"
    path.write_text(path.read_text().replace("store: {path: state}\n", ""))
    return load(path)


def test_without_a_store_runs_leases_and_ledger_are_known_still(tmp_path):
    settings = without_store(tmp_path)
    assert settings.ledger == tmp_path / "baselines" / "ledger.jsonl"
    with opened(settings) as at:
        run = begin(at.desk)
    with opened(settings, now=NOW + MINUTE) as at:
        [held] = at.desk.decide(ask(holder="there/boot/7/8"))
        assert held.held_back_by == ("open_run",)
        assert at.desk.progress(Progress(run, "here/boot/1/2", "fold 1"))
    with opened(settings, now=NOW + 2 * MINUTE) as at:
        assert at.desk.revalidating()[MODEL].progress == "fold 1"
        at.desk.hand_in(result(run, BETTER))
    with opened(settings) as at:
        at.desk.rollback(MODEL, "me")
    own = settings.ledger.read_bytes().splitlines(keepends=True)
    settings.ledger.write_bytes(b"".join(own[:-1]))
    with opened(settings) as at, pytest.raises(InputError, match="is missing at the end"):
        at.desk.decide(ask())


def test_notes_in_a_file_that_cannot_be_read_are_none(tmp_path):
    notes = FileNotes(tmp_path / "notes")
    notes.keep("a", b"\x00\xff")
    notes.keep("b", b"1")
    notes.keep("b", None)
    assert (notes.kept("a"), notes.kept("b")) == (b"\x00\xff", None)
    (tmp_path / "notes").write_text('{"a": "no base64!"}')
    assert notes.kept("a") is None
    (tmp_path / "notes").write_text("[")
    assert notes.kept("a") is None


def test_the_last_twenty_candidates_are_kept_and_what_is_in_force_and_what_was_before(tmp_path):
    settings = scene(tmp_path)
    first = fabricated("3")
    with opened(settings) as at:
        promoted(at.desk, BETTER)
        for number in range(25):
            done = at.desk.hand_in(result(begin(at.desk), fabricated("3", right=0.7, seed=100 + number)))
            assert done.decision == Verb.REJECTED
        kept = {path.name[:64] for path in (tmp_path / "baselines").iterdir() if path.name != "current.json"}
        assert len(kept) == 22
        last = {fabricated("3", right=0.7, seed=100 + number).content_hash for number in range(5, 25)}
        assert kept == last | {BETTER.content_hash, first.content_hash}
        assert at.desk.rollback(MODEL, "me").baseline_after == first.content_hash
        assert len(at.desk.uploads()) == 20


def test_a_pointer_that_a_person_moved_stays_and_is_written_down(tmp_path):
    settings = scene(tmp_path)
    with opened(settings) as at:
        promoted(at.desk, BETTER)
    first = fabricated("3").content_hash
    (tmp_path / "baselines" / "current.json").write_text(json.dumps({MODEL: {"3": f"{first}.json"}}))
    with opened(settings) as at:
        assert at.in_force[MODEL, "3"].content_hash == first
        assert entries(settings, "baseline")[-1]["baseline"] == first
