"""Bearer tokens: one a line, so that an old and a new one are right side by side. Only their SHA-256 is kept.

A token is long and random, so that one round of SHA-256 is enough: nobody guesses it from its hash, and a password,
which somebody could, belongs into the users' file (bcrypt).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import Final

from monitor.errors import InputError, Problem
from monitor.serve.secret_lines import Flaw, refuse, secret_lines

_HASHED: Final = "sha256:"
_HEX: Final = re.compile(r"[0-9a-fA-F]{64}")
_NOTHING: Final = hashlib.sha256(b"").digest()
_LONGEST: Final = 4096
_SHORT: Final = 16
_MAKE_ONE: Final = "make one with `openssl rand -hex 32`"


@dataclass(frozen=True, slots=True)
class Tokens:
    """SHA-256 of every token that is right."""

    digests: tuple[bytes, ...] = field(repr=False)

    def hold(self, token: bytes) -> bool:
        """Tell whether a token is right. All are compared, each in constant time: time tells neither which nor how."""
        digest = hashlib.sha256(token).digest()
        right = False
        for known in self.digests:
            right |= hmac.compare_digest(known, digest)
        return right


def read_tokens(place: str, raw: bytes) -> Tokens:
    """Read a file of tokens: one a line as it is, or as `sha256:HEX`; blank lines and `# …` are passed over.

    Raises InputError with every line that cannot be a token; no message shows any of it.
    """
    lines = secret_lines(place, raw)
    if not lines:
        raise InputError(Problem(place, "holds no token", _MAKE_ONE))
    refuse(place, [flaw for i, line in lines if (flaw := _flaw(i, line))])
    return Tokens(tuple(dict.fromkeys(_digest(line) for _, line in lines)))


def token_doubts(place: str, raw: bytes) -> list[Problem]:
    """Return the tokens that can be guessed, of a file that `read_tokens` takes."""
    finding = f"the token is shorter than {_SHORT} characters: it can be guessed"
    return [
        Flaw(i, finding, _MAKE_ONE).at(place)
        for i, line in secret_lines(place, raw)
        if not line.startswith(_HASHED) and len(line) < _SHORT
    ]


def _digest(line: str) -> bytes:
    if line.startswith(_HASHED):
        return bytes.fromhex(line.removeprefix(_HASHED))
    return hashlib.sha256(line.encode("ascii")).digest()


def _flaw(i: int, line: str) -> Flaw | None:
    """Say why a line cannot be a token, or the hash of one."""
    if line.startswith(_HASHED):
        remedy = "write what `printf %s TOKEN | sha256sum` shows behind `sha256:`"
        if not _HEX.fullmatch(line.removeprefix(_HASHED)):
            return Flaw(i, "behind `sha256:` there are no 64 hexadecimal digits", remedy)
        if _digest(line) == _NOTHING:
            return Flaw(i, "is the hash of nothing", remedy)
        return None
    if not re.fullmatch(r"[!-~]+", line, re.ASCII):
        remedy = "a token is one word of letters, digits and signs of ASCII, one a line"
        return Flaw(i, "has a blank inside or a character that is not ASCII, which no header can carry", remedy)
    if len(line) > _LONGEST:
        return Flaw(i, f"is longer than {_LONGEST} characters", _MAKE_ONE)
    return None
