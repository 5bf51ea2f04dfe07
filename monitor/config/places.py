"""Whether files and folders that a configuration names can be used from here. Nothing is made or changed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def unreadable(path: Path) -> str:
    """Say why a file cannot be read; nothing where it can."""
    try:
        if path.is_dir():
            return "is a directory"
        if not path.exists():
            return "is not there"
        return "" if os.access(path, os.R_OK) else "cannot be read: permission denied"
    except (OSError, ValueError) as error:
        return f"cannot be read: {_words(error)}"


def unwritable(path: Path) -> str:
    """Say why a file cannot be written, or made; nothing where it can."""
    try:
        if path.is_dir():
            return "is a directory"
        if path.exists():
            return "" if os.access(path, os.W_OK) else "cannot be written: permission denied"
        return unusable(path.parent)
    except (OSError, ValueError) as error:
        return f"cannot be written: {_words(error)}"


def unusable(folder: Path) -> str:
    """Say why files cannot be made in a folder, or the folder itself below the first one that is there."""
    try:
        there = folder
        while not there.exists() and there != there.parent:
            there = there.parent
        if not there.is_dir():
            return f"cannot be a folder: {there} is a file"
        return _closed(there, folder)
    except (OSError, ValueError) as error:
        return f"cannot be used: {_words(error)}"


def _closed(there: Path, folder: Path) -> str:
    """Make a file without a name, which leaves no trace, in a folder that is there; say why that cannot be done."""
    try:
        os.close(os.open(there, os.O_TMPFILE | os.O_WRONLY, 0o600))
    except OSError as error:
        if isinstance(error, PermissionError) or not os.access(there, os.W_OK | os.X_OK):
            where = "" if there == folder else f": {there} cannot be written"
            return f"cannot be written{where}: {_words(error)}"
    return ""


def _words(error: OSError | ValueError) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
