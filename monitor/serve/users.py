"""Users and their passwords: lines of htpasswd with bcrypt."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from monitor.errors import InputError, Problem
from monitor.serve.secret_lines import Flaw, refuse, secret_lines

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_PASSWORD_BYTES: Final = 72
"""bcrypt reads no further. A longer password would be right with any end, so it is wrong here."""
ENOUGH_COST: Final = 10
"""What is below is weaker than it should be today."""
_LOWEST_COST: Final = 4
"""bcrypt's own limit."""
_HIGHEST_COST: Final = 17
"""htpasswd's own limit: a login takes some ten seconds, and twice as long for each step more."""
_BCRYPT: Final = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}", re.ASCII)
"""The last character of the salt carries two bits alone."""
_OTHERS: Final = (
    ("$apr1$", "MD5 (apr1)"),
    ("$1$", "MD5 (crypt)"),
    ("$5$", "SHA-256 (crypt)"),
    ("$6$", "SHA-512 (crypt)"),
    ("$2x$", "bcrypt in the faulty variant 2x"),
    ("$y$", "yescrypt"),
    ("$7$", "scrypt"),
    ("$scrypt$", "scrypt"),
    ("$argon2", "Argon2"),
    ("$pbkdf2", "PBKDF2"),
    ("{SHA}", "SHA-1"),
    ("{SSHA}", "salted SHA-1"),
)
_REMEDY: Final = "write the line with `htpasswd -B -C 12 FILE NAME`"


@dataclass(frozen=True, slots=True)
class Users:
    """Name -> bcrypt's hash."""

    hashes: Mapping[str, bytes] = field(repr=False)

    def __len__(self) -> int:
        """How many there are."""
        return len(self.hashes)


def cost(hashed: bytes) -> int:
    """Return the cost of a hash: a login takes 2^cost rounds."""
    return int(hashed[4:6])


def read_users(place: str, raw: bytes) -> Users:
    """Read lines `NAME:HASH`; blank lines and `# …` are passed over.

    Raises InputError with every line that is not one, or whose hash is not bcrypt; no message shows any of it.
    """
    lines = secret_lines(place, raw)
    if not lines:
        raise InputError(Problem(place, "holds no user", _REMEDY))
    flaws: list[Flaw] = []
    seen: dict[str, int] = {}
    for i, line in lines:
        name, colon, hashed = line.partition(":")
        finding = _finding(name, hashed) if colon else "is not NAME:HASH"
        if not finding and name in seen:
            flaws.append(Flaw(i, f"is of the user of line {seen[name]}", "keep one of the two"))
        elif finding:
            flaws.append(Flaw(i, finding, _REMEDY))
        seen.setdefault(name, i)
    refuse(place, flaws)
    return Users({name: hashed.encode("ascii") for _, line in lines for name, _, hashed in [line.partition(":")]})


def user_doubts(place: str, raw: bytes) -> list[Problem]:
    """Return the hashes that are weaker than they should be, of a file that `read_users` takes."""
    doubts = []
    for i, line in secret_lines(place, raw):
        rounds = cost(line.partition(":")[2].encode())
        if rounds < ENOUGH_COST:
            finding = f"bcrypt's cost is {rounds}: who gets hold of the file finds weak passwords soon"
            doubts.append(Flaw(i, finding, _REMEDY).at(place))
    return doubts


def _finding(name: str, hashed: str) -> str:
    """Say what is wrong with a user; nothing where all is fine."""
    if not name:
        return "has no name before the colon"
    match = _BCRYPT.fullmatch(hashed)
    if match is None:
        return _other(hashed)
    rounds = int(match[1])
    if rounds < _LOWEST_COST:
        return f"bcrypt's cost {rounds} is below {_LOWEST_COST}"
    if rounds > _HIGHEST_COST:
        return f"bcrypt's cost {rounds} is above {_HIGHEST_COST}: a login would take minutes"
    return ""


def _other(hashed: str) -> str:
    """Name what a hash is that is not bcrypt's."""
    for beginning, kind in _OTHERS:
        if hashed.startswith(beginning):
            return f"the hash is {kind}, not bcrypt"
    if hashed.startswith("$2"):
        return "the hash is bcrypt, but damaged: 60 characters belong to it"
    if re.fullmatch(r"[./A-Za-z0-9]{13}", hashed):
        return "the hash is DES (crypt) or no hash at all, not bcrypt"
    return "the password is not hashed with bcrypt"
