"""Kinds of values that only re-validation knows: quiet hours, sizes, factories, addresses of databases."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

from monitor.config.kinds import NATURAL, TEXT, Kind, items, scalar, shown
from monitor.config.revalidation import Quiet

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.config.kinds import At

MINUTES: Final = 1440
"""Of a day."""
_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\s*-\s*([01]\d|2[0-4]):([0-5]\d)", re.ASCII)
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*(k|M|G|T|Ki|Mi|Gi|Ti)B", re.ASCII)
_UNITS = {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_LEAST_MEMORY = 64 * 10**6
"""Python and numpy alone take as much."""
_MOST_MEMORY = 2**50
_FACTORY = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
_SECRET_WORDS = ("password", "passwd", "pwd", "secret", "token")
_SQLITE = re.compile(r"(sqlite(?:\+\w+)?:///)(?!/|:memory:|file:|\?|$)(?![A-Za-z]:[\\/])(.+)", re.DOTALL)
_GREATEST_SEED = 2**32 - 1
RUN_PREFIX: Final = "mlflow:"
"""Before the id of a run, where a path may stand too."""
_RUN = re.compile(r"[\w-]{1,250}", re.ASCII)


def _quiet(at: At) -> tuple[Quiet, ...] | None:
    """Read a list of spans; together they leave some of the day."""
    before = len(at.problems)
    spans = [span for item in items(at) if (span := _span(item)) is not None]
    if len(at.problems) > before:
        return None
    if len({minute for span in spans for minute in minutes(span)}) == MINUTES:
        at.report("leave no minute of the day", "leave some hours in which a run may start, or remove `revalidate`")
        return None
    return tuple(spans)


def _span(at: At) -> Quiet | None:
    """Read one span."""
    text = TEXT.read(at)
    if text is None:
        return None
    match = _SPAN.fullmatch(text.strip())
    start, end = (int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])) if match else (0, 0)
    if match is None or end > MINUTES:
        at.report(f"{shown(text)} is no span of hours", "write such as `22:00-06:00`, in UTC")
    elif start == end % MINUTES:
        whole = end == MINUTES
        finding = "covers the whole day: nothing would ever start" if whole else "is empty, or the whole day"
        at.report(f"{shown(text)} {finding}", "write the hours that are quiet, such as `22:00-06:00`, in UTC")
    else:
        return Quiet(start, end, text.strip())
    return None


def minutes(span: Quiet) -> range | list[int]:
    """Return the minutes of the day that a span covers."""
    if span.start < span.end:
        return range(span.start, span.end)
    return [*range(span.start, MINUTES), *range(span.end)]


def _size(at: At) -> int | None:
    """Read a size; return bytes."""
    text = scalar(at, "a size such as `4GB` or `512MB`")
    if text is None:
        return None
    match = _SIZE.fullmatch(text.strip().replace("KB", "kB"))
    if match is None:
        at.report(f"{shown(text)} is not a size", "write a number and a unit, such as `4GB`, `512MB` or `4GiB`")
        return None
    size = int(Decimal(match[1]) * _UNITS[match[2]])
    if not _LEAST_MEMORY <= size <= _MOST_MEMORY:
        finding = "is less than Python takes for itself" if size < _LEAST_MEMORY else "is more than any machine has"
        at.report(f"{shown(text)} {finding}", "write from `64MB` on, such as `4GB`")
        return None
    return size


def _factory(at: At) -> str | None:
    """Read `module:factory`."""
    text = TEXT.read(at)
    if text is None or _FACTORY.fullmatch(text.strip()):
        return text if text is None else text.strip()
    remedy = "write the module, a colon and the function that returns an unfitted estimator: `churn_model:make`"
    at.report(f"{shown(text)} is not `module:factory`", remedy)
    return None


def _seed(at: At) -> int | None:
    """Read a seed that numpy takes."""
    seed = NATURAL.read(at)
    if seed is not None and seed > _GREATEST_SEED:
        at.report(f"{seed} is greater than 2^32 - 1", "write a smaller one: any is as good")
        return None
    return seed


def _database(at: At) -> str | None:
    """Read an address as SQLAlchemy writes it; a password in it is a problem, and not shown."""
    text = TEXT.read(at)
    if text is None:
        return None
    text = text.strip()
    if has_password(text):
        remedy = "write the whole address into a file that only foldwatch's user may read, and name that: "
        at.report("has a password in it", remedy + "`url_file: PATH`")
    elif "://" not in text:
        remedy = "write such as `postgresql+psycopg://reader@db/warehouse` or `sqlite:///warehouse.db`"
        at.report(f"{shown(text)} is no address of a database", remedy)
    else:
        return text
    return None


def _tracking(at: At) -> str | None:
    """Read where MLflow keeps its runs; a password in it is a problem, and not shown."""
    text = TEXT.read(at)
    if text is None or not has_password(text.strip()):
        return text if text is None else text.strip()
    remedy = "write the address without it: MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD in the environment "
    at.report("has a password in it", remedy + "log in at a server, PGPASSFILE at a database")
    return None


def has_password(address: str) -> bool:
    """Tell whether an address carries a password, before its host or among its parameters."""
    try:
        parts = urlsplit(address)
        login = parts.password is not None
    except ValueError:
        return "@" in address
    words = (name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True))
    return login or any(secret in word for word in words for secret in _SECRET_WORDS)


def beside(address: str, folder: Path) -> str:
    """Return an address of SQLite's with its relative path taken from `folder`, any other as it is."""
    match = _SQLITE.fullmatch(address)
    return f"{match[1]}{(folder / match[2]).absolute()}" if match else address


def tracking_beside(address: str, folder: Path) -> str:
    """Return MLflow's address with a relative path, of SQLite's or a plain folder, taken from `folder`."""
    return beside(address, folder) if ":" in address else str((folder / address).absolute())


def _run_id(at: At) -> str | None:
    """Read the id of a run behind `mlflow:`."""
    text = TEXT.read(at)
    if text is None:
        return None
    found = text.strip().removeprefix(RUN_PREFIX)
    if _RUN.fullmatch(found):
        return found
    at.report(f"{shown(text)} names no run", "write `mlflow:` and the id of the run, as MLflow shows it")
    return None


QUIET: Kind[tuple[Quiet, ...]] = Kind("list of hours in UTC, `22:00-06:00`", _quiet)
SIZE: Kind[int] = Kind("size, such as `4GB`", _size)
FACTORY: Kind[str] = Kind("`module:factory`", _factory)
SEED: Kind[int] = Kind("whole number from 0", _seed)
DATABASE: Kind[str] = Kind("address of a database", _database)
TRACKING: Kind[str] = Kind("address of MLflow", _tracking)
RUN_ID: Kind[str] = Kind("`mlflow:RUN_ID`", _run_id)
