"""Rows for `baseline crossval`: typed columns by pandas, the class column as it stands in the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pandas as pd

from monitor.baselines import fingerprints
from monitor.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

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


def read_training_set(path: Path, target: str, features: Sequence[str] | None, groups: str | None) -> TrainingSet:
    """Read CSV, JSON Lines or Parquet, also `.gz`. Raises InputError that names the file and what is wrong with it."""
    text = [target] if groups is None else [target, groups]
    frame = _read(path, text)
    columns = [str(name) for name in frame.columns]
    if features is None:
        features = [name for name in columns if name not in {target, groups}]
    problems = [
        Problem(str(path), f"has no column {name} ({option})", f"columns found: {', '.join(columns[:_SHOWN])}")
        for option, names in (
            ("--target", [target]),
            ("--groups", [groups] if groups else []),
            ("--features", features),
        )
        for name in names
        if name not in columns
    ]
    if target in features or (groups is not None and groups in features):
        finding = "names the target or the groups among the features"
        problems.append(Problem("--features", finding, "leave them out: a model must not see them"))
    if not features:
        problems.append(Problem(str(path), "has no column but target and groups", "give it features"))
    if problems:
        raise InputError(*problems)
    if not len(frame):
        raise InputError(Problem(str(path), "has no rows", "name a file with rows"))
    x = frame[list(features)]
    y = frame[target].to_numpy()
    owners = None if groups is None else frame[groups].to_numpy()
    if owners is not None and pd.isna(frame[groups]).any():
        n = int(pd.isna(frame[groups]).sum())
        raise InputError(Problem(str(path), f"column {groups} is empty in {n} rows", "write the group of every row"))
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
    return TrainingSet(x, y, owners, about)


def _read(path: Path, text: list[str]) -> pd.DataFrame:
    """Return the table with typed columns, but those in `text` of a CSV as they stand."""
    if path.is_dir():
        raise InputError(Problem(str(path), "is a directory", "name one file"))
    kind = path.name.lower().removesuffix(".gz")
    try:
        if kind.endswith(".csv"):
            return _csv(path, text)
        if kind.endswith((".jsonl", ".ndjson")):
            return _json_lines(path)
        if kind.endswith((".parquet", ".pq")):
            return _parquet(path)
    except FileNotFoundError:
        raise InputError(Problem(str(path), "there is no such file", "check the path")) from None
    except pd.errors.EmptyDataError:
        raise InputError(Problem(str(path), "is empty", "name a file with a header and rows")) from None
    except UnicodeDecodeError as error:
        raise InputError(Problem(str(path), f"is not UTF-8 ({error.reason})", "convert it: iconv -t UTF-8")) from None
    except (OSError, EOFError, ValueError) as error:
        finding = (
            f"cannot be read: {str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__}"
        )
        raise InputError(Problem(str(path), finding, "it may be cut or damaged: write it again")) from None
    finding = "is neither .csv, .jsonl nor .parquet by its name"
    raise InputError(Problem(str(path), finding, "rename or convert it"))


def _csv(path: Path, text: list[str]) -> pd.DataFrame:
    """Read a CSV; what pandas would take for missing stays a class in the target."""
    header = [str(name) for name in pd.read_csv(path, nrows=0).columns]
    as_text = {name: str for name in text if name in header}
    missing = {name: _MISSING for name in header if name not in as_text}
    return pd.read_csv(path, dtype=as_text, na_values=missing, keep_default_na=False)


def _json_lines(path: Path) -> pd.DataFrame:
    """Read one JSON object a line."""
    import gzip  # noqa: PLC0415 - rarely needed

    content = gzip.decompress(path.read_bytes()) if path.name.lower().endswith(".gz") else path.read_bytes()
    rows = []
    for number, line in enumerate(content.splitlines(), 1):
        if line.strip():
            try:
                rows.append(msgspec.json.decode(line, type=dict[str, Any]))
            except (msgspec.DecodeError, msgspec.ValidationError) as error:
                finding = f"is not a JSON object ({error})"
                raise InputError(Problem(f"{path}:{number}", finding, "mend or remove the line")) from None
    if not rows:
        raise InputError(Problem(str(path), "is empty", "name a file with rows"))
    return pd.DataFrame(rows)


def _parquet(path: Path) -> pd.DataFrame:
    """Read Parquet without pyarrow: through polars, column by column."""
    import polars as pl  # noqa: PLC0415 - rarely needed

    try:
        frame = pl.read_parquet(path)
    except pl.exceptions.PolarsError as error:
        raise ValueError(str(error)) from None
    return pd.DataFrame({name: _plain(frame[name].to_numpy()) for name in frame.columns})


def _plain(column: NDArray[Any]) -> NDArray[Any]:
    """Return an array that is pandas' own."""
    return column if column.flags.writeable else np.array(column)
