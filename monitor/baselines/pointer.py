"""The folder of promoted baselines: `HASH.json` each, what lies beside it, and `current.json`: which are in force.

`current.json` is {MODEL: {VERSION: "HASH.json"}}; several models may share the folder. Each file is whole or not there.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from monitor.baselines.file import write_bytes
from monitor.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

NAME: Final = "current.json"
KEPT: Final = 20
"""Baselines of a model that are kept."""
BESIDE: Final = (".folds.csv", ".timings.json", ".features.json", ".drift.html")
"""Ends of the names of what may lie beside a baseline."""
_FILE: Final = re.compile(r"[0-9a-f]{64}\.json")
_SHAPE: Final = '{MODEL: {VERSION: "HASH.json"}}'


def path_of(folder: Path, content_hash: str) -> Path:
    """Return where a baseline lies."""
    return folder / f"{content_hash}.json"


def read_pointer(folder: Path) -> dict[str, dict[str, str]]:
    """Return model -> version -> name of the file in force; empty where the folder has no `current.json`.

    Raises InputError, naming it, where it is damaged or cannot be read.
    """
    path = folder / NAME
    mend = f"restore it from a copy, or write {_SHAPE} with the last promotions that `foldwatch revalidate log` shows"
    try:
        found: Any = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        return {}
    except NotADirectoryError:
        raise InputError(Problem(str(folder), "is a file, not a folder", "name a folder in `promote_to`")) from None
    except OSError as error:
        finding = f"cannot be read ({error.strerror or error})"
        raise InputError(Problem(str(path), finding, "check its permissions")) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(Problem(str(path), f"is damaged ({error})", mend)) from None
    if not isinstance(found, dict) or not all(isinstance(versions, dict) for versions in found.values()):
        raise InputError(Problem(str(path), f"is damaged: it is not {_SHAPE}", mend))
    problems = [
        Problem(f"{path}: {model}.{version}", f"is {name!r}, not the name of a baseline, HASH.json", mend)
        for model, versions in found.items()
        for version, name in versions.items()
        if not isinstance(name, str) or not _FILE.fullmatch(name)
    ]
    if problems:
        raise InputError(*problems)
    return found


def in_force(folder: Path, model: str) -> dict[str, str]:
    """Return version -> content hash that the folder puts in force for a model. Raises InputError as `read_pointer`."""
    return {version: name.removesuffix(".json") for version, name in read_pointer(folder).get(model, {}).items()}


def point(folder: Path, model: str, version: str, content_hash: str | None) -> None:
    """Put a baseline of the folder in force for a version; None: the folder puts none in force for it any more.

    Raises InputError where the file is damaged or cannot be written: what was in force is then in force still.
    """
    found = read_pointer(folder)
    versions = {name: file for name, file in found.get(model, {}).items() if name != version}
    if content_hash is not None:
        versions[version] = path_of(folder, content_hash).name
    kept = {**found, model: versions} if versions else {name: of for name, of in found.items() if name != model}
    text = msgspec.json.format(msgspec.json.encode(kept, order="sorted"), indent=1)
    _write(folder / NAME, text + b"\n")


def store(folder: Path, content_hash: str, document: bytes, beside: Mapping[str, bytes], *, anew: bool) -> Path:
    """Write a baseline and what lies beside it, under its hash; return where. `beside`: end of the name -> content.

    `anew`: also where it is there already, so that its age begins now. The baseline comes last: where it is, all is.
    Raises InputError where that fails, with the remedy.
    """
    path = path_of(folder, content_hash)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        finding = f"cannot be made ({error.strerror or error})"
        raise InputError(Problem(str(folder), finding, "name another folder in `promote_to`")) from None
    for end in BESIDE:
        if end in beside and (anew or not path.exists()):
            _write(path.with_name(path.name + end), beside[end])
    if anew or not path.exists():
        _write(path, document)
    return path


def prune(folder: Path, oldest_first: Sequence[str], needed: Collection[str]) -> Sequence[str]:
    """Remove all but the last 20 of these baselines and those that are needed; return the hashes that went.

    `oldest_first`: content hashes of one model, each as often as it came; files of others are left alone. What cannot
    be removed stays: it is in nobody's way.
    """
    order = list(dict.fromkeys(reversed(oldest_first)))
    pointed = {name for versions in read_pointer(folder).values() for name in versions.values()}
    gone = []
    for content_hash in order[KEPT:]:
        path = path_of(folder, content_hash)
        if content_hash in needed or path.name in pointed or not path.exists():
            continue
        try:
            for end in ("", *BESIDE):
                path.with_name(path.name + end).unlink(missing_ok=True)
        except OSError:
            continue
        gone.append(content_hash)
    return gone


def _write(path: Path, content: bytes) -> None:
    """Write a file and see that its name is on the disk too."""
    try:
        write_bytes(path, content)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except InputError as error:
        remedy = (
            "make room, or make the folder of `promote_to` writable, and ask again: the old baseline stays in force"
        )
        raise InputError(*(Problem(one.place, one.finding, remedy) for one in error.problems)) from None
    except OSError as error:
        finding = f"cannot be made durable ({error.strerror or error})"
        raise InputError(Problem(str(path.parent), finding, "mend the disk and ask again")) from None
