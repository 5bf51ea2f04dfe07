"""Notes in a store: they outlive it, and a store from before there were any gets them."""

from __future__ import annotations

import pytest
from durable_drive import opened, remembered, run, told
from rocksdict import Options, Rdict

from monitor.errors import InputError


def test_notes_outlive_the_state_and_touch_nothing_else(tmp_path):
    state = run(opened(tmp_path), 3)
    state.keep("a", b"\x00\xff")
    state.keep("b", b"gone")
    state.keep("b", None)
    state.close()
    state = opened(tmp_path)
    assert (state.kept("a"), state.kept("b")) == (b"\x00\xff", None)
    assert told(state) == remembered(3)
    state.close()


def test_a_store_that_was_written_before_there_were_notes_opens(tmp_path):
    run(opened(tmp_path), 3).close()
    options = Options(raw_mode=True)
    names = Rdict.list_cf(str(tmp_path), options)
    store = Rdict(str(tmp_path), options, dict.fromkeys(names, options))
    store.drop_column_family("notes")
    store.close()
    state = opened(tmp_path)
    assert state.kept("a") is None
    state.keep("a", b"1")
    assert told(run(state, 5)) == remembered(5)
    state.close()
    state = opened(tmp_path)
    assert state.kept("a") == b"1"
    state.close()


def test_ledger_and_token_may_lie_in_the_folder_of_the_state_and_nothing_that_looks_like_them(tmp_path):
    opened(tmp_path).close()
    for name in ("ledger.jsonl", "token", ".token.x7g"):
        (tmp_path / name).write_text("ours")
    opened(tmp_path).close()
    assert (tmp_path / "ledger.jsonl").read_text() == "ours"
    for name in ("token.txt", "ledger.json", "ledger.jsonl.bak"):
        (tmp_path / name).write_text("mine")
        with pytest.raises(InputError, match="holds files that are not ours"):
            opened(tmp_path)
        (tmp_path / name).unlink()
