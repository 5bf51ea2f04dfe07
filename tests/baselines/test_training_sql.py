"""Rows by query, from a real SQLite and a real PostgreSQL; and every way in which that goes wrong."""

from __future__ import annotations

import socket
import sqlite3
import sys
from pathlib import Path

import numpy as np
import pytest

from monitor.baselines.training_rows import Columns, read_training_rows
from monitor.baselines.training_sql import queried_frame
from monitor.config.revalidation import TrainingRows
from monitor.errors import InputError

TABLE = """CREATE TABLE {} (age INTEGER, income DOUBLE PRECISION, plan VARCHAR(20), price NUMERIC(10, 2), gone {},
seen_at {}, y VARCHAR(10))"""
ROWS = [
    "(31, 1.5, 'basic', 9.99, {no}, '2026-01-31 12:00:00{zone}', 'stay')",
    "(NULL, 2.5, NULL, 19.5, {yes}, '2026-01-31 13:30:00{zone}', 'leave')",
    "(45, NULL, 'pro''s: 12:30', NULL, {no}, '2026-02-01 00:00:00{zone}', '1')",
]


@pytest.fixture
def sqlite(tmp_path):
    connection = sqlite3.connect(tmp_path / "it.db")
    connection.execute(TABLE.format("churn", "BOOLEAN", "TEXT"))
    for row in ROWS:
        connection.execute("INSERT INTO churn VALUES " + row.format(no="0", yes="1", zone="Z"))  # noqa: S608 - ours
    connection.commit()
    connection.close()
    return tmp_path


@pytest.fixture(scope="module")
def churn(postgres):
    """A table in PostgreSQL, of its own kinds."""
    postgres.execute(TABLE.format("churn", "BOOLEAN", "TIMESTAMPTZ"))
    for row in ROWS:
        postgres.execute("INSERT INTO churn VALUES " + row.format(no="FALSE", yes="TRUE", zone="+00"))  # noqa: S608 - ours
    return postgres


def of_file(path, url):
    """The address in a file, as one with a password has to be."""
    (path / "address").write_text(url + "\n")
    return path / "address"


def refused(source, folder):
    with pytest.raises(InputError) as found:
        queried_frame(source, folder)
    return str(found.value)


def test_sqlite_rows_are_typed_and_a_relative_path_starts_at_the_configuration(sqlite):
    frame, place = queried_frame(TrainingRows(query="SELECT * FROM churn;", url="sqlite:///it.db"), sqlite)
    assert place == f"sqlite {sqlite / 'it.db'}"
    assert frame["age"].dtype == frame["income"].dtype == frame["price"].dtype == np.float64
    assert frame["y"].tolist() == ["stay", "leave", "1"]
    assert frame["plan"].tolist()[::2] == ["basic", "pro's: 12:30"]


def test_postgresql_rows_are_typed_with_times_and_truths(churn, tmp_path):
    query = "SELECT *, age::int8 + 1 AS older FROM churn WHERE plan IS NULL OR plan NOT LIKE '%:00' ORDER BY seen_at"
    source = TrainingRows(query=query, url_file=of_file(tmp_path, churn.url))
    found = read_training_rows(source, Columns("y", ("age", "income", "price", "gone"), None, "seen_at"), tmp_path)
    assert found.place == f"postgresql 127.0.0.1:{churn.port}/postgres"
    assert [str(kind) for kind in found.rows.x.dtypes] == ["float64", "float64", "float64", "bool"]
    assert found.rows.x["price"].tolist()[:2] == [9.99, 19.5]
    assert found.rows.y.tolist() == ["stay", "leave", "1"]
    assert found.rows.moments.tolist() == [1769860800000, 1769866200000, 1769904000000]
    assert sorted(found.inputs) == ["data", "query"]
    assert found.written_at is None


def test_both_databases_give_the_same_rows_and_the_same_fingerprint(sqlite, churn):
    columns = Columns("y", ("age", "income", "price"))
    query = "SELECT * FROM churn ORDER BY seen_at"
    one = read_training_rows(TrainingRows(query=query, url="sqlite:///it.db"), columns, sqlite)
    other = read_training_rows(TrainingRows(query=query, url_file=of_file(sqlite, churn.url)), columns, sqlite)
    assert one.inputs == other.inputs


def test_rows_of_many_blocks_are_one_table_of_the_widest_kind(sqlite):
    query = """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 45000)
    SELECT i, CASE WHEN i > 40000 THEN i + 0.5 ELSE i END AS late, CASE WHEN i > 30000 THEN 'x' END AS rare,
    NULL AS none FROM n"""
    frame, _ = queried_frame(TrainingRows(query=query, url="sqlite:///it.db"), sqlite)
    assert len(frame) == 45_000
    assert frame["i"].dtype == np.int64
    assert frame["late"].dtype == np.float64
    assert frame["late"].iloc[-1] == 45_000.5
    assert frame["rare"].notna().sum() == 15_000
    assert frame["none"].isna().all()


@pytest.mark.parametrize(
    ("query", "finding"),
    [
        ("SELECT * FROM absent", "the query failed (no such table: absent); run the query by hand"),
        ("SELEKT 1", 'the query failed (near "SELEKT": syntax error)'),
        ("DELETE FROM churn", "attempt to write a readonly database"),
        ("SELECT age, income AS age FROM churn", "returns several columns named age; name them apart with AS"),
    ],
)
def test_a_query_of_sqlite_that_fails_says_why_and_changes_nothing(sqlite, query, finding):
    assert finding in refused(TrainingRows(query=query, url="sqlite:///it.db"), sqlite)
    assert len(queried_frame(TrainingRows(query="SELECT * FROM churn", url="sqlite:///it.db"), sqlite)[0]) == 3


@pytest.mark.parametrize(
    ("query", "finding"),
    [
        ("SELECT * FROM absent", 'the query failed (relation "absent" does not exist'),
        ("SELEKT 1", "the query failed (syntax error at or near"),
        ("SELECT 1 / (age - 31) FROM churn", "the query failed (division by zero)"),
        ("DELETE FROM churn", 'syntax error at or near "DELETE"'),
        (
            "WITH gone AS (DELETE FROM churn RETURNING *) SELECT * FROM gone",
            "must not contain data-modifying statements",
        ),
    ],
)
def test_a_query_of_postgresql_that_fails_says_why_and_changes_nothing(churn, tmp_path, query, finding):
    source = TrainingRows(query=query, url_file=of_file(tmp_path, churn.url))
    said = refused(source, tmp_path)
    assert finding in said
    assert "s3cret" not in said
    every = TrainingRows(query="SELECT * FROM churn", url_file=of_file(tmp_path, churn.url))
    assert len(queried_frame(every, tmp_path)[0]) == 3


def test_a_wrong_password_is_told_and_never_shown(churn, tmp_path):
    wrong = churn.url.replace("s3cret", "wr0ng-one")
    said = refused(TrainingRows(query="SELECT 1", url_file=of_file(tmp_path, wrong)), tmp_path)
    assert "cannot be reached" in said
    assert "password authentication failed" in said
    assert f"check {tmp_path / 'address'}" in said
    assert "wr0ng" not in said


def test_a_server_that_is_away_is_told_with_its_address(tmp_path):
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        url = f"postgresql+psycopg://u:hidden@127.0.0.1:{port}/w?sslpassword=hidden"
        said = refused(TrainingRows(query="SELECT 1", url_file=of_file(tmp_path, url)), tmp_path)
    assert said.startswith(f"postgresql 127.0.0.1:{port}/w: cannot be reached (")
    assert "Connection refused" in said
    assert "hidden" not in said


@pytest.mark.parametrize(
    ("url", "finding"),
    [
        ("sqlite:///not-there.db", "not-there.db: there is no such database"),
        ("what:is this, pa55word@x", "is no address of a database; write such as postgresql+psycopg://"),
        ("nosql://u:pa55word@h/w", "nosql h/w: SQLAlchemy knows no database nosql"),
        (
            "oracle+cx_oracle://u:pa55word@h/w",
            "needs the driver cx_Oracle, which is not installed; pip install cx_Oracle",
        ),
        ("", "address: is empty"),
    ],
)
def test_an_address_that_leads_nowhere_is_refused_without_being_shown(tmp_path, url, finding):
    said = refused(TrainingRows(query="SELECT 1", url_file=of_file(tmp_path, url)), tmp_path)
    assert finding in said
    assert "pa55word" not in said
    assert list(tmp_path.iterdir()) == [tmp_path / "address"]


def test_a_file_of_the_address_that_cannot_be_read_is_told(tmp_path):
    said = refused(TrainingRows(query="SELECT 1", url_file=tmp_path / "none"), tmp_path)
    assert (
        said == f"{tmp_path / 'none'}: cannot be read (No such file or directory); write the database's address into it"
    )
    (tmp_path / "none").write_bytes(b"\xff\xfe")
    assert "it is no text" in refused(TrainingRows(query="SELECT 1", url_file=tmp_path / "none"), tmp_path)


@pytest.mark.parametrize(
    ("query", "finding"),
    [
        ("SELECT age, plan FROM churn", "has no column y (--target); columns found: age, plan"),
        ("SELECT * FROM churn WHERE age > 1000", "has no rows"),
    ],
)
def test_a_table_without_target_or_rows_names_the_database(sqlite, query, finding):
    with pytest.raises(InputError) as found:
        read_training_rows(TrainingRows(query=query, url="sqlite:///it.db"), Columns("y"), sqlite)
    assert str(found.value).startswith(f"sqlite {sqlite / 'it.db'}: {finding}")


@pytest.mark.parametrize(
    ("missing", "remedy"), [("sqlalchemy", "needs SQLAlchemy"), ("psycopg", "needs the driver psycopg")]
)
def test_a_missing_extra_names_what_to_install(tmp_path, monkeypatch, missing, remedy):
    monkeypatch.setitem(sys.modules, missing, None)
    source = TrainingRows(query="SELECT 1", url="postgresql://reader@127.0.0.1:1/w")
    said = refused(source, Path(tmp_path))
    assert remedy in said
    assert "pip install 'foldwatch[sql]'" in said
