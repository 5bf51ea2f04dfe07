"""What a connection is at, and what all connections of one listener have together."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from uvicorn.config import Config
    from uvicorn.server import ServerState

    from monitor.serve.limits import Limits
    from monitor.serve.refusals import Refusals


class Phase(Enum):
    """What a connection is at."""

    HANDSHAKE = "handshake"
    HEAD = "head"
    """A request is expected, or has begun."""
    BODY = "body"
    """A request's body is read; who sends it may."""
    ANSWER = "answer"
    """A request is answered, and the answer read."""
    IDLE = "idle"
    """Between two requests."""
    LINGER = "linger"
    """All is said; what still comes is thrown away."""
    CLOSING = "closing"


@dataclass(frozen=True, slots=True)
class Terms:
    """What all connections of one listener have together."""

    limits: Limits
    refusals: Refusals
    headers: Mapping[str, str]
    """Of refusals."""
    config: Config
    """By which uvicorn answers."""
    state: ServerState
    calls: bool = False
    """Whether there are requests that bring a body along."""
