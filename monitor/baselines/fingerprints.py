"""Fingerprints of what a baseline was made from: they tell whether two were made from the same, and nothing else."""

from __future__ import annotations

import hashlib
import platform
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

import monitor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray


def of_columns(columns: Mapping[str, NDArray[Any]]) -> str:
    """Return the SHA-256, hex, of names, types and values, in the order of the columns."""
    digest = hashlib.sha256()
    for name, column in columns.items():
        digest.update(f"{name}\0{column.dtype.kind}\0{column.shape}\0".encode())
        if column.dtype.kind in "biufcmM":
            whole = np.ascontiguousarray(column)
            digest.update(whole.astype(whole.dtype.newbyteorder("<"), copy=False).tobytes())
        else:
            digest.update("\0".join(f"{type(value).__name__}:{value}" for value in column.ravel().tolist()).encode())
    return digest.hexdigest()


def assignment_text(folds: Iterable[tuple[int, str, NDArray[np.integer]]]) -> str:
    """Return the fold assignment as CSV: one line for each row validated, `repeat,fold,row`; rows count from 0.

    `folds` are (repeat, fold, rows).
    """
    lines = ["repeat,fold,row"]
    for repeat, fold, rows in folds:
        start = f"{repeat},{_quoted(fold)},"
        lines.extend(start + str(row) for row in rows.tolist())
    return "\n".join(lines) + "\n"


def of_text(text: str) -> str:
    """Return the SHA-256, hex, of the text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def libraries(names: Sequence[str]) -> dict[str, str]:
    """Return the versions of Python, foldwatch and the named distributions."""
    versions = {name: metadata.version(name) for name in names}
    return {"python": platform.python_version(), "foldwatch": monitor.__version__, **versions}


def _quoted(text: str) -> str:
    """Return the text as a CSV cell."""
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\r\n') else text
