"""Counters of objectives in a store: each commit of them is durable, and a store from before there were any is read."""

from __future__ import annotations

import shutil

import msgspec
import pytest
import zstandard
from durable_drive import SETTINGS, opened, run, told

from monitor.state import Commit
from monitor.state.disk.checkpoint import Tables
from monitor.state.disk.durable import RocksState
from monitor.state.disk.rocksdb import DEFAULT, Batch, Database
from monitor.statistics.budget import Tally

FLOOR, RECALL = ("m", "floor"), ("m", "recall")


def copied(folder, to):
    """What opens from the files as they are now, as when the process that has them dies."""
    shutil.copytree(folder, to)
    (to / "LOCK").unlink()
    other = opened(to)
    found = other.objectives()
    other.close()
    again = opened(to)
    assert again.objectives() == found
    again.close()
    return found


def test_a_commit_of_nothing_but_counters_is_durable(tmp_path):
    state = opened(tmp_path / "store")
    state.commit(Commit(objectives={FLOOR: Tally(5, 2), RECALL: Tally(skipped=1)}))
    assert copied(tmp_path / "store", tmp_path / "first") == {FLOOR: Tally(5, 2), RECALL: Tally(skipped=1)}
    state.commit(Commit(objectives={FLOOR: Tally(1)}))
    assert copied(tmp_path / "store", tmp_path / "second") == {FLOOR: Tally(6, 2), RECALL: Tally(skipped=1)}
    state.close()


def test_counters_of_nothing_are_not_written(tmp_path):
    state = opened(tmp_path)
    rows = state._database._database  # noqa: SLF001 - nobody else can see what is written
    before = rows.latest_sequence_number()
    state.commit(Commit(objectives={FLOOR: Tally()}))
    assert rows.latest_sequence_number() == before
    state.close()


def test_a_retired_objective_keeps_its_counters_when_a_model_is_gone_from_the_configuration(tmp_path):
    state = opened(tmp_path)
    state.commit(Commit(objectives={("gone", "floor"): Tally(5, 2)}))
    state.close()
    state = opened(tmp_path)
    state.commit(Commit(objectives={FLOOR: Tally(1)}))
    state.close()
    state = opened(tmp_path)
    assert state.objectives() == {("gone", "floor"): Tally(5, 2), FLOOR: Tally(1)}
    state.close()


def without_last(record):
    """The record of a struct as it was before its last field came."""
    return msgspec.msgpack.encode(msgspec.msgpack.decode(record)[:-1])


def written_before(folder):
    """Make of a store what it was before counters of objectives came: no field for them in checkpoint and log."""
    database = Database(folder)
    batch, small, log = Batch(), database.family(DEFAULT), database.family("log")
    tables = dict(small.items())[b"tables"]
    assert len(msgspec.msgpack.decode(tables)) == len(msgspec.structs.fields(Tables)) == 5
    batch.put(small, [b"tables"], [without_last(tables)])
    entries = list(log.items())
    for key, entry in entries:
        plain = without_last(zstandard.ZstdDecompressor().decompress(entry))
        batch.put(log, [key], [zstandard.ZstdCompressor().compress(plain)])
    database.write(batch)
    database.close()
    return len(entries)


@pytest.mark.parametrize("folded", [True, False])
def test_a_store_from_before_there_were_counters_is_read_and_goes_on(tmp_path, folded):
    store = tmp_path / "store"
    state = run(opened(store), 5)
    before = told(state)
    if folded:
        state.close()
    else:
        shutil.copytree(store, tmp_path / "dead")
        state.close()
        store = tmp_path / "dead"
    assert (written_before(store) == 0) == folded
    state = RocksState(store, SETTINGS.models)
    assert before.pop("objectives")
    assert told(state) == {**before, "objectives": {}}
    state.commit(Commit(objectives={FLOOR: Tally(1)}))
    state.close()
    state = opened(store)
    assert state.objectives() == {FLOOR: Tally(1)}
    state.close()
