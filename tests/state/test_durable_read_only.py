"""A state that is only read: it says what was committed, beside whoever writes, and leaves no trace."""

import hashlib
from contextlib import closing

import pytest
from durable_drive import SETTINGS, run, told

from monitor.config import Settings
from monitor.errors import InputError, StateBroken
from monitor.state import Commit, MemoryState
from monitor.state.disk.durable import RocksState
from monitor.state.disk.rocksdb import Database
from monitor.state.opened import open_state


def opened(folder):
    return open_state(Settings(models=SETTINGS.models, store=folder), read_only=True)


def files(folder):
    return {
        path.name: (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest()) for path in folder.iterdir()
    }


def test_it_says_what_the_writer_committed_while_that_one_lives_and_changes_no_file(tmp_path):
    writer = RocksState(tmp_path / "state", SETTINGS.models)
    run(writer, 6)
    writer.append_history(7, b"seven")
    writer.keep("ledger", b"note")
    before = files(tmp_path / "state")
    reader = opened(tmp_path / "state")
    assert told(reader) == told(writer)
    assert list(reader.history(0)) == [(7, b"seven")]
    assert reader.kept("ledger") == b"note"
    reader.drop_slices("m", 10**15)
    reader.close()
    assert files(tmp_path / "state") == before
    run(writer, 8)
    writer.close()
    with closing(opened(tmp_path / "state")) as again, closing(RocksState(tmp_path / "state", SETTINGS.models)) as own:
        assert told(again) == told(own)


def test_a_model_that_is_new_is_known_to_have_nothing_and_is_not_written(tmp_path):
    writer = RocksState(tmp_path / "state", {})
    writer.close()
    before = files(tmp_path / "state")
    reader = opened(tmp_path / "state")
    assert reader.model("m").last_prediction is None
    assert list(reader.series()) == []
    reader.close()
    assert files(tmp_path / "state") == before


@pytest.mark.parametrize(
    "write",
    [
        lambda state: state.commit(Commit(skipped={"too_old": 1})),
        lambda state: state.append_history(1, b""),
        lambda state: state.keep("n", b"x"),
    ],
    ids=["commit", "history", "note"],
)
def test_whoever_writes_to_it_is_told_and_nothing_is_written(tmp_path, write):
    RocksState(tmp_path / "state", SETTINGS.models).close()
    before = files(tmp_path / "state")
    reader = opened(tmp_path / "state")
    with pytest.raises(StateBroken, match="opened to be read alone"):
        write(reader)
    reader.close()
    assert files(tmp_path / "state") == before


def test_where_nothing_was_ever_kept_it_is_memory_and_no_folder_is_made(tmp_path):
    assert isinstance(opened(tmp_path / "state"), MemoryState)
    assert list(tmp_path.iterdir()) == []


def test_a_store_whose_maker_died_before_it_held_anything_is_empty(tmp_path):
    Database(tmp_path / "state").close()
    with closing(opened(tmp_path / "state")) as reader:
        assert told(reader)["slices"] == {}
        assert reader.kept("ledger") is None
        assert list(reader.history(0)) == []


def test_a_store_on_a_disk_that_cannot_be_written_is_read(tmp_path):
    store = tmp_path / "state"
    with closing(RocksState(store, SETTINGS.models)) as writer:
        run(writer, 3)
        expected = told(writer)
    modes = {path: path.stat().st_mode for path in (*store.iterdir(), store)}
    for path in modes:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        with closing(opened(store)) as reader:
            assert told(reader) == expected
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


def test_a_damaged_store_is_told_with_its_place_and_leaves_no_folder_of_links(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "links"))
    (tmp_path / "links").mkdir()
    RocksState(tmp_path / "state", SETTINGS.models).close()
    (tmp_path / "state/CURRENT").write_bytes(b"nonsense")
    with pytest.raises(InputError) as caught:
        opened(tmp_path / "state")
    assert str(tmp_path / "state") in str(caught.value)
    assert list((tmp_path / "links").iterdir()) == []
