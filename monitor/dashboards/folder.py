"""Writing the dashboards into a folder of which only they are ours.

JSON has no comments to sign with, so that a dashboard of ours is known by its `uid`. Nothing is written at all where a
file of somebody else stands under a name that we need.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from monitor.alerting.rules.folder import Signature, Written, write_folder
from monitor.dashboards.board import BOARDS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def write(folder: Path, files: Mapping[str, str]) -> Written:
    """Make `folder` hold the dashboards (name -> text). Raises InputError as `write_folder` does."""
    return write_folder(folder, files, signature=Signature(_is_ours, "its `uid` is not that of our dashboard"))


def _is_ours(file: Path) -> bool:
    """Tell whether a file has a name and the `uid` of a dashboard of ours."""
    uids = {f"{identity.name}.json": identity.uid for identity in BOARDS}
    if file.name not in uids:
        return False
    try:
        there = json.loads(file.read_bytes())
    except ValueError:
        return False
    return isinstance(there, dict) and there.get("uid") == uids[file.name]
