"""A PostgreSQL server of our own: Debian's binaries, a free port of loopback, passwords asked, gone at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO, Self

import psycopg
import pytest

USER = "reader"
PASSWORD = "s3cret/of the reader"  # noqa: S105 - of a server that lives as long as a test
_PATIENCE = 60.0
_QUICK = (
    "fsync=off",
    "full_page_writes=off",
    "shared_buffers=16MB",
    "max_connections=20",
    "listen_addresses=127.0.0.1",
)


def find_binary(name: str) -> str | None:
    """One of PostgreSQL's programs: Debian keeps them out of PATH."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(map(str, folders)))


class Postgres:
    """The server; `url` is SQLAlchemy's address of its one database, with its password."""

    def __init__(self, initdb: str, postgres: str) -> None:
        self._initdb, self._postgres = initdb, postgres
        self._folder = Path(tempfile.mkdtemp(prefix="foldwatch-postgres-"))
        self._server: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"postgresql://{USER}:s3cret%2Fof%20the%20reader@127.0.0.1:{self.port}/postgres"

    def execute(self, statement: str) -> None:
        """Run a statement, for good."""
        with psycopg.connect(
            host="127.0.0.1", port=self.port, user=USER, password=PASSWORD, dbname="postgres"
        ) as connection:
            connection.execute(statement)

    def __enter__(self) -> Self:
        account = _account()
        secret = self._folder / "password"
        secret.write_text(PASSWORD + "\n")
        if account is not None:
            for path in (self._folder, secret):
                os.chown(path, account.pw_uid, account.pw_gid)
        made = ["--pwfile", secret, "--auth", "scram-sha-256", "--username", USER, "--no-sync", "--encoding", "UTF8"]
        try:
            log = (self._folder / "log").open("wb")
            with log:
                self._begin([self._initdb, "-D", self._folder / "it", *made], log).wait(_PATIENCE)
                for _ in range(3):  # somebody else may take the port that was free
                    self._serve(log)
                    if self._answers():
                        return self
            pytest.fail((self._folder / "log").read_text())
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        if self._server is not None and self._server.poll() is None:
            self._server.send_signal(signal.SIGINT)  # "fast": without waiting for who is connected
            self._server.wait(_PATIENCE)
        shutil.rmtree(self._folder)

    def _serve(self, log: IO[bytes]) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        settings = [*_QUICK, f"port={self.port}", f"unix_socket_directories={self._folder}"]
        options = [part for setting in settings for part in ("-c", setting)]
        self._server = self._begin([self._postgres, "-D", self._folder / "it", *options], log)

    def _begin(self, argv: list[str | Path], log: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start a program as somebody who is not root, whom PostgreSQL refuses."""
        account = _account()
        someone = {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        return subprocess.Popen(argv, stdout=log, stderr=log, cwd=self._folder, **someone)

    def _answers(self) -> bool:
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until and self._server is not None and self._server.poll() is None:
            try:
                self.execute("SELECT 1")
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return True
        return False


def _account() -> pwd.struct_passwd | None:
    """Whom to run it as: ourselves (None), or where we are root somebody without rights."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None
