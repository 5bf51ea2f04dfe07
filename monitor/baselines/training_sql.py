"""A table that a query returns; the only file that knows SQLAlchemy (the extra `sql`).

An address may hold a password: messages name kind, host and database of it, never more, and what a driver says is
told without it. Nothing is written: SQLite and PostgreSQL are asked to refuse it, and nothing is ever committed.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, quote_plus

import numpy as np
import pandas as pd

from monitor.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from sqlalchemy import URL, Engine

    from monitor.config.revalidation import TrainingRows

_ROWS: Final = 20_000
"""Fetched at a time."""
_CONNECT_SECONDS: Final = 15
_SQLITE: Final = "sqlite"
_POSTGRESQL: Final = "postgresql"
_WIDTH: Final = 400
_SHORTEST: Final = 3
"""A shorter text is no secret worth hiding: every `a` of a message would go with it."""


def queried_frame(source: TrainingRows, folder: Path) -> tuple[pd.DataFrame, str]:
    """Return what the query returns, its columns typed, and a name of the database for messages.

    Numbers of the database's own kinds become int64 or float64 (null: NaN), all else stays as the driver gives it.
    A relative path of SQLite starts at `folder`. Raises InputError where the extra or a driver is missing, the server
    is away, or the query fails.
    """
    try:
        from sqlalchemy import exc  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        finding = "needs SQLAlchemy, which is not installed"
        raise InputError(Problem("a query", finding, "pip install 'foldwatch[sql]'")) from None
    url, where = _address(source, folder)
    place = _named(url)
    query = (source.query or "").strip().rstrip(";")
    try:
        engine = _connectable(url, place)
        try:
            with engine.connect() as connection:
                _refuse_writes(connection)
                asked = connection.execution_options(stream_results=True, no_parameters=True)
                result = asked.exec_driver_sql(query)
                if not result.returns_rows:
                    raise InputError(Problem(f"query of {place}", "returns no rows", "write a SELECT"))
                names = list(result.keys())
                _refuse_twins(names, place)
                columns = _typed(iter(lambda: result.fetchmany(_ROWS), []), len(names))
        finally:
            engine.dispose()
    except exc.OperationalError as error:
        away = not error.statement
        finding = f"{'cannot be reached' if away else 'the query failed'} ({_told(error, url)})"
        remedy = f"check {where}, and that the server runs" if away else "run the query by hand"
        raise InputError(Problem(place, finding, remedy)) from None
    except exc.DBAPIError as error:
        raise InputError(Problem(place, f"the query failed ({_told(error, url)})", "run the query by hand")) from None
    except exc.SQLAlchemyError as error:
        raise InputError(Problem(place, f"cannot be asked ({_told(error, url)})", f"check {where}")) from None
    return pd.DataFrame(dict(zip(names, columns, strict=True))), place


def _address(source: TrainingRows, folder: Path) -> tuple[URL, str]:
    """Return the database's address, and where it is written."""
    from sqlalchemy import exc, make_url  # noqa: PLC0415 - an extra

    where = "url" if source.url_file is None else str(source.url_file)
    text = source.url or ""
    if source.url_file is not None:
        try:
            text = source.url_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            said = getattr(error, "strerror", None) or "it is no text"
            finding = f"cannot be read ({said})"
            raise InputError(Problem(where, finding, "write the database's address into it")) from None
    try:
        url = make_url(text)
    except (exc.ArgumentError, ValueError):  # their message may show it
        finding = "is no address of a database" if text else "is empty"
        remedy = "write such as postgresql+psycopg://reader@db/warehouse or sqlite:///warehouse.db"
        raise InputError(Problem(where, finding, remedy)) from None
    if url.drivername in {_POSTGRESQL, "postgres"}:
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == _SQLITE and url.database and not url.database.startswith((":", "file:")):
        path = folder.absolute() / url.database
        if not path.is_file():  # SQLite would make it
            raise InputError(Problem(str(path), "there is no such database", f"check {where}"))
        url = url.set(database=str(path))
    return url, where


def _named(url: URL) -> str:
    """Return kind, host and database: no user, no password, no parameter."""
    if url.host is None:
        return f"{url.get_backend_name()} {url.database or ''}".strip()
    port = f":{url.port}" if url.port else ""
    return f"{url.get_backend_name()} {url.host}{port}/{url.database or ''}"


def _connectable(url: URL, place: str) -> Engine:
    """Return an engine whose driver is there. Raises InputError that says which is not."""
    from sqlalchemy import create_engine, exc, pool  # noqa: PLC0415 - an extra

    options = {"connect_timeout": _CONNECT_SECONDS} if url.drivername == "postgresql+psycopg" else {}
    options = {name: value for name, value in options.items() if name not in url.query}
    try:
        return create_engine(url, poolclass=pool.NullPool, connect_args=options)
    except exc.NoSuchModuleError:
        finding = f"SQLAlchemy knows no database {url.drivername}"
        raise InputError(Problem(place, finding, "check the beginning of the address")) from None
    except ImportError as error:
        name = error.name or url.get_driver_name()
        with_us = url.drivername == "postgresql+psycopg"
        finding = f"needs the driver {name}, which is not installed"
        raise InputError(
            Problem(place, finding, "pip install 'foldwatch[sql]'" if with_us else f"pip install {name}")
        ) from None


def _refuse_writes(connection: Any) -> None:  # noqa: ANN401 - SQLAlchemy's, an extra
    """Have the database refuse to be written to."""
    if connection.dialect.name == _SQLITE:
        connection.exec_driver_sql("PRAGMA query_only = ON")
    elif connection.dialect.name == _POSTGRESQL:
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")


def _refuse_twins(names: Sequence[str], place: str) -> None:
    """Raise InputError where two columns have one name: one of them would be lost."""
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        finding = f"returns several columns named {', '.join(twins)}"
        raise InputError(Problem(f"query of {place}", finding, "name them apart with AS"))


def _told(error: Exception, url: URL) -> str:
    """Return what a driver says, on one line, without password and statement."""
    said = " ".join(str(getattr(error, "orig", None) or error).split())
    for secret in _secrets(url):
        said = said.replace(secret, "***")
    return said[:_WIDTH]


def _secrets(url: URL) -> list[str]:
    """Return the texts of an address that nobody may see, as they are and as they are written in it."""
    found = [url.password or "", *(str(value) for name, value in url.query.items() if _is_secret(name))]
    kept = [text for text in found if len(text) >= _SHORTEST]
    return sorted({way for text in kept for way in (text, quote(text), quote_plus(text))}, key=len, reverse=True)


def _is_secret(name: str) -> bool:
    """Tell whether a parameter of an address is a secret."""
    return any(word in name.lower() for word in ("password", "passwd", "pwd", "secret", "token", "key"))


def _typed(blocks: Iterator[Sequence[Sequence[Any]]], width: int) -> list[pd.Series[Any]]:
    """Return the columns of rows that come in blocks: at no time more than one block is a row of Python's objects."""
    parts: list[list[NDArray[Any]]] = [[] for _ in range(width)]
    for block in blocks:
        for column, values in zip(parts, zip(*block, strict=True), strict=True):
            column.append(_part(values))
    return [_column(column) for column in parts]


def _part(values: Sequence[Any]) -> NDArray[Any]:
    """Return the values of one block as int64, float64, bool or objects; all null: an array without a type."""
    kinds = {type(value) for value in values}
    given = kinds - {type(None)}
    if not given:
        return np.empty(len(values), "V1")
    if kinds == {bool}:
        return np.array(values, np.bool_)
    if kinds == {int} and all(-(2**63) <= value < 2**63 for value in values):
        return np.array(values, np.int64)
    if given <= {int, float, Decimal}:
        return np.array([np.nan if value is None else float(value) for value in values], np.float64)
    objects = np.empty(len(values), object)
    objects[:] = values
    return objects


def _column(parts: list[NDArray[Any]]) -> pd.Series[Any]:
    """Return one column of its blocks, of the narrowest kind that holds them all."""
    kinds = {part.dtype.kind for part in parts} - {"V"}
    if kinds and kinds <= {"i", "f"}:
        return pd.Series(np.concatenate([_missing(part) if part.dtype.kind == "V" else part for part in parts]))
    if kinds == {"b"} and all(part.dtype.kind == "b" for part in parts):
        return pd.Series(np.concatenate(parts))
    whole = [value for part in parts for value in ([None] * len(part) if part.dtype.kind == "V" else part.tolist())]
    return pd.Series(whole) if whole else pd.Series([], dtype=object)


def _missing(part: NDArray[Any]) -> NDArray[np.float64]:
    """Return an array of no values."""
    return np.full(len(part), np.nan)
