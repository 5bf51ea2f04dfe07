"""A store whose maker died before it was whole is made anew: it holds nothing yet."""

from __future__ import annotations

import pytest
from durable_drive import opened


@pytest.mark.parametrize(
    "left",
    [
        ["LOCK"],
        ["LOCK", "LOG", "rocksdict-config.json"],
        ["000000.dbtmp", "LOCK", "LOG", "rocksdict-config.json"],
        ["000001.dbtmp", "IDENTITY", "LOCK", "LOG", "MANIFEST-000001", "rocksdict-config.json"],
    ],
)
def test_what_a_maker_that_was_killed_leaves_behind_is_no_damage(tmp_path, left):
    whole = tmp_path / "whole"
    opened(whole).close()
    folder = tmp_path / "state"
    folder.mkdir()
    for name in left:
        like = next((path for path in whole.iterdir() if path.name.partition("-")[0] == name.partition("-")[0]), None)
        (folder / name).write_bytes(like.read_bytes() if like else b"MANIFEST-000001\n")
    for _ in range(2):
        state = opened(folder)
        assert dict(state.offsets()) == {}
        state.close()
