"""The baseline file: one JSON document, readable, and the same to the byte whenever the same was counted.

Its identity is `content_hash`: SHA-256 over the document without it, as canonical JSON (sorted keys, no blanks, UTF-8).
It holds counts and fingerprints, no row, id or feature value. Beside FILE lie FILE.folds.csv (which row was validated
in which fold) and, where they were measured, FILE.timings.json (`timings.py`), which is no part of the identity.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from monitor.baselines.schemes import SCHEMES
from monitor.counts import Counts, Layout
from monitor.errors import InputError, Problem
from monitor.statistics.baseline import Baseline, Fold

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA: Final = "foldwatch/baseline/1"
_FAMILY: Final = "foldwatch/baseline/"
_AGAIN: Final = "build it again with `foldwatch baseline build` or `crossval`, or restore it from a copy"
_BINARY: Final = 2


def sealed(baseline: Baseline) -> Baseline:
    """Return the baseline with the `content_hash` of what it holds."""
    return replace(baseline, content_hash=_hash_of(_document(baseline)))


def write(baseline: Baseline, path: Path) -> None:
    """Write the baseline, whole or not at all. Raises InputError where the path cannot be written."""
    write_text(path, document_bytes(baseline).decode())


def document_bytes(baseline: Baseline) -> bytes:
    """Return what the file of a baseline holds."""
    document = _document(baseline)
    document["content_hash"] = _hash_of(document)
    return (_readable(document) + "\n").encode()


def read(path: Path) -> Baseline:
    """Read a baseline and verify schema, content hash and shapes. Raises InputError that names the file.

    The document tells no time, so that the same counts give the same bytes: `written_at` is the file's own.
    """
    return replace(of_bytes(_content(path), path), written_at=path.stat().st_mtime_ns // 1_000_000)


def of_bytes(content: bytes, path: Path) -> Baseline:
    """Return the baseline that a file's bytes are, verified; without `written_at`. Raises InputError that names it."""
    document = _decoded(content, path)
    schema = document.get("schema")
    if schema != SCHEMA:
        raise InputError(_other_schema(path, schema))
    written, found = document.pop("content_hash", None), _hash_of(document)
    if written != found:
        says = f"the file says {written[:12]}…" if isinstance(written, str) else "the file says none"
        finding = f"was changed or damaged after it was written (its content hashes to {found[:12]}…, {says})"
        raise InputError(Problem(str(path), finding, _AGAIN))
    try:
        return _baseline(document, found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        finding = f"is not a valid baseline: {type(error).__name__}: {error}"
        raise InputError(Problem(str(path), finding, _AGAIN)) from None


def folds_path(path: Path) -> Path:
    """Return where the fold assignment of a baseline lies."""
    return path.with_name(path.name + ".folds.csv")


def writable(path: Path) -> tuple[Problem, ...]:
    """Tell before the work whether `path` can be written at its end: no problem, or one."""
    if path.is_dir():
        return (Problem(str(path), "is a directory", "name the file to write"),)
    if not path.parent.is_dir():
        return (Problem(str(path), f"there is no directory {path.parent}", "create it, or name another file"),)
    if not os.access(path.parent, os.W_OK):
        return (Problem(str(path), f"the directory {path.parent} cannot be written", "name another file"),)
    return ()


def write_text(path: Path, text: str) -> None:
    """Write beside the target and rename, so that nobody ever reads half a file. Raises InputError where it fails."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes as `write_text` writes text."""
    try:
        with tempfile.NamedTemporaryFile("wb", dir=path.parent, prefix=f".{path.name}.", delete=False) as draft:
            at = Path(draft.name)
            try:
                draft.write(content)
                draft.flush()
                os.fsync(draft.fileno())
                at.chmod(0o644)
                at.replace(path)
            except BaseException:
                at.unlink(missing_ok=True)
                raise
    except OSError as error:
        finding = f"cannot be written ({error.strerror or error})"
        raise InputError(Problem(str(path), finding, "name another file")) from None


def _content(path: Path) -> bytes:
    """Return what the file holds."""
    if path.is_dir():
        raise InputError(Problem(str(path), "is a directory", "name the baseline file in it"))
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(Problem(str(path), "there is no such file", _AGAIN)) from None
    except OSError as error:
        finding = f"cannot be read ({error.strerror or error})"
        raise InputError(Problem(str(path), finding, "check its permissions")) from None


def _decoded(content: bytes, path: Path) -> dict[str, Any]:
    """Return the JSON object that the file's content is."""
    if not content.strip():
        raise InputError(Problem(str(path), "is empty", _AGAIN))
    try:
        document = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        cut = "truncated" in str(error)
        finding = "is cut: its end is missing" if cut else f"is not JSON ({error})"
        raise InputError(Problem(str(path), finding, _AGAIN)) from None
    if not isinstance(document, dict):
        raise InputError(Problem(str(path), "is not a baseline file (it holds no JSON object)", _AGAIN))
    return document


def _other_schema(path: Path, schema: object) -> Problem:
    """Return what is wrong with a document of another schema."""
    if isinstance(schema, str) and schema.startswith(_FAMILY):
        finding = f"was written by another version of foldwatch ({schema}; this one reads {SCHEMA})"
        return Problem(str(path), finding, "upgrade foldwatch, or build the baseline again with this one")
    return Problem(str(path), f'is not a baseline file (its "schema" is not {SCHEMA})', _AGAIN)


def _document(baseline: Baseline) -> dict[str, Any]:
    """Return the baseline as JSON values, without its hash."""
    binary = len(baseline.classes) == _BINARY
    return {
        "schema": SCHEMA,
        "model": baseline.model,
        "version": baseline.version,
        "classes": list(baseline.classes),
        "positive": baseline.classes[baseline.layout.positive] if binary else None,
        "scheme": baseline.scheme,
        "seed": baseline.seed,
        "repeats": baseline.repeats,
        "about": dict(baseline.about),
        "folds": [
            {
                "fold": fold.fold,
                "repeat": fold.repeat,
                "n_train": fold.n_train,
                "counts": fold.counts.to_json(),
                "train": None if fold.train is None else fold.train.to_json(),
                "segments": {name: fold.segments[name].to_json() for name in sorted(fold.segments)},
            }
            for fold in baseline.folds
        ],
    }


def _baseline(document: Mapping[str, Any], content_hash: str) -> Baseline:
    """Return the document as a Baseline. Raises KeyError, TypeError or ValueError on another shape."""
    classes = tuple(_text(name, "classes") for name in document["classes"])
    if len(classes) < _BINARY or len(set(classes)) < len(classes):
        message = f"classes are {list(classes)}"
        raise ValueError(message)
    scheme = document["scheme"]
    if scheme not in SCHEMES:
        message = f"scheme is {scheme!r}"
        raise ValueError(message)
    positive = document["positive"]
    layout = Layout(len(classes)) if positive is None else Layout(len(classes), classes.index(positive))
    folds = tuple(_fold(layout, fold) for fold in document["folds"])
    if not folds:
        message = "it has no folds"
        raise ValueError(message)
    return Baseline(
        model=_text(document["model"], "model"),
        version=_text(document["version"], "version"),
        classes=classes,
        layout=layout,
        scheme=scheme,
        folds=folds,
        content_hash=content_hash,
        seed=None if document["seed"] is None else int(document["seed"]),
        repeats=int(document["repeats"]),
        about=dict(document["about"]),
    )


def _fold(layout: Layout, fold: Mapping[str, Any]) -> Fold:
    """Return one fold of the document."""
    train = fold["train"]
    return Fold(
        fold=_text(fold["fold"], "fold"),
        repeat=int(fold["repeat"]),
        n_train=int(fold["n_train"]),
        counts=Counts.from_json(layout, fold["counts"]),
        train=None if train is None else Counts.from_json(layout, train),
        segments={name: Counts.from_json(layout, planes) for name, planes in fold["segments"].items()},
    )


def _text(value: object, key: str) -> str:
    """Return the value, which has to be text."""
    if not isinstance(value, str):
        message = f"{key} is {value!r}, not text"
        raise TypeError(message)
    return value


def _hash_of(document: Mapping[str, Any]) -> str:
    """Return the SHA-256, hex, of the document as canonical JSON."""
    return hashlib.sha256(msgspec.json.encode(document, order="sorted")).hexdigest()


def _readable(value: Any, pad: str = "") -> str:  # noqa: ANN401 - any JSON value
    """Return JSON with sorted keys, one key a line, but a plane or a list of plain values on one line."""
    inner = pad + " "
    if isinstance(value, dict) and value and set(value) != {"at", "n"}:
        items = [f"{inner}{_compact(key)}: {_readable(value[key], inner)}" for key in sorted(value)]
        return "{\n" + ",\n".join(items) + f"\n{pad}}}"
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return "[\n" + ",\n".join(inner + _readable(item, inner) for item in value) + f"\n{pad}]"
    return _compact(value)


def _compact(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return JSON on one line."""
    return msgspec.json.encode(value, order="sorted").decode()
