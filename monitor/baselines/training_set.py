"""Rows for a cross-validation: typed columns by pandas, the class column as it stands in the file."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pandas as pd
import polars as pl

from monitor.baselines import fingerprints
from monitor.errors import InputError, Problem
from monitor.sources.decoding.times import parse_times
from monitor.sources.logs.patterns import Format, find_log
from monitor.sources.logs.streams import read_bytes
from monitor.sources.logs.tables import read_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

_MISSING: Final = ["", "NA", "N/A", "n/a", "NaN", "nan", "-nan", "null", "NULL", "None", "<NA>", "#N/A"]
"""Texts of a CSV that mean "no value" in a feature; in the target they are classes, but for the empty one."""
_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """What is cross-validated."""

    x: pd.DataFrame
    y: NDArray[Any]
    """(n,) class values as read; the empty text and None are missing."""
    groups: NDArray[Any] | None
    about: dict[str, Any]
    """Fingerprint, number of rows, names of columns."""
    moments: NDArray[np.int64] | None = None
    """(n,) when each row was observed, epoch ms; None: no column tells."""


def read_training_set(
    pattern: str, target: str, features: Sequence[str] | None, groups: str | None, time: str | None = None
) -> TrainingSet:
    """Read CSV, JSON Lines or Parquet, also `.gz` and `.zst`: a file, a glob or a directory.

    Raises InputError that names the file and what is wrong with it.
    """
    return training_set(read_frame(pattern, [target, groups, time]), pattern, target, features, groups, time)


def training_set(
    frame: pd.DataFrame,
    place: str,
    target: str,
    features: Sequence[str] | None,
    groups: str | None,
    time: str | None = None,
) -> TrainingSet:
    """Return what a table holds: features (None: every column but the other three), classes, groups and moments.

    `place` names the table in messages. Raises InputError with every problem found.
    """
    columns = [str(name) for name in frame.columns]
    others = {target, groups, time} - {None}
    if features is None:
        features = [name for name in columns if name not in others]
    problems = [
        Problem(place, f"has no column {name} ({option})", f"columns found: {', '.join(columns[:_SHOWN])}")
        for option, names in (
            ("--target", [target]),
            ("--groups", [groups] if groups else []),
            ("--time", [time] if time else []),
            ("--features", features),
        )
        for name in names
        if name not in columns
    ]
    if not others.isdisjoint(features):
        finding = (
            f"names the target{' or the groups' if time is None else ', the groups or the time'} among the features"
        )
        problems.append(Problem("--features", finding, "leave them out: a model must not see them"))
    if not features:
        problems.append(Problem(place, "has no column but target and groups", "give it features"))
    if problems:
        raise InputError(*problems)
    if not len(frame):
        raise InputError(Problem(place, "has no rows", "name a file with rows"))
    x = frame[list(features)]
    y = frame[target].to_numpy()
    owners = None if groups is None else frame[groups].to_numpy()
    if owners is not None and (n := int((pd.isna(owners) | (owners == "")).sum())):
        raise InputError(Problem(place, f"column {groups} is empty in {n} rows", "write the group of every row"))
    hashed = {**{f"x:{name}": x[name].to_numpy() for name in features}, "y": y}
    if owners is not None:
        hashed["groups"] = owners
    about = {
        "sha256": fingerprints.of_columns(hashed),
        "rows": len(frame),
        "features": list(features),
        "target": target,
        "groups": groups,
    }
    return TrainingSet(x, y, owners, about, None if time is None else _moments(frame[time], f"{place}: column {time}"))


def read_frame(pattern: str, as_text: Iterable[str | None]) -> pd.DataFrame:
    """Return the table with typed columns, but those in `as_text` of a CSV as they stand.

    Raises InputError that names the file and what is wrong with it.
    """
    log = find_log(pattern)
    text = [name for name in as_text if name is not None]
    if log.format is Format.PARQUET:
        return _pandas(pl.concat([chunk.frame for chunk in read_table(pattern)], how="vertical_relaxed"))
    read = _csv if log.format is Format.CSV else _json_lines
    frames = []
    for path in log.paths:
        content = b"".join(read_bytes(path, lambda _done: None)).removeprefix(b"\xef\xbb\xbf")
        try:
            frames.append(read(content, text))
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            finding, remedy = "is not UTF-8", f"convert it, for example: iconv -f LATIN1 -t UTF-8 {path.name}"
            raise InputError(Problem(f"{path}:{line}", finding, remedy)) from None
        except (ValueError, msgspec.MsgspecError) as error:
            said = str(error).strip().splitlines()
            finding = f"cannot be read as {log.format.value} ({said[0] if said else type(error).__name__})"
            raise InputError(Problem(str(path), finding, "it may be cut or damaged: write it again")) from None
    return pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]


def _moments(column: pd.Series[Any], place: str) -> NDArray[np.int64]:
    """Return epoch ms of RFC 3339 texts, of epoch ms or of typed times."""
    if column.dtype.kind == "M":
        known = column.notna().to_numpy()
        utc = column.dt.tz_convert(None) if getattr(column.dtype, "tz", None) is not None else column
        moments = utc.to_numpy().astype("datetime64[ms]").astype(np.int64)
    else:
        texts = [None if pd.isna(value) else str(value) for value in column.tolist()]
        found = parse_times(pl.Series(texts, dtype=pl.String))
        known, moments = found.is_not_null().to_numpy(), found.fill_null(0).to_numpy()
    if not known.all():
        row = int(np.flatnonzero(~known)[0])
        finding = f"{int((~known).sum())} rows have no time (the first: row {row + 1})"
        raise InputError(Problem(place, finding, "write RFC 3339 or epoch milliseconds into every row"))
    return moments


def _csv(content: bytes, text: list[str]) -> pd.DataFrame:
    """Read a CSV; what pandas would take for missing stays a class in the target."""
    header = [str(name) for name in pd.read_csv(io.BytesIO(content), nrows=0).columns]
    as_text = {name: str for name in text if name in header}
    missing = {name: _MISSING for name in header if name not in as_text}
    return pd.read_csv(io.BytesIO(content), dtype=as_text, na_values=missing, keep_default_na=False)


def _json_lines(content: bytes, _text: list[str]) -> pd.DataFrame:
    """Read one JSON object a line."""
    return pd.DataFrame(msgspec.json.Decoder(dict[str, Any]).decode_lines(content))


def _pandas(frame: pl.DataFrame) -> pd.DataFrame:
    """Return a frame of pandas, column by column, which needs no pyarrow."""
    return pd.DataFrame({name: np.array(frame[name].to_numpy()) for name in frame.columns})
