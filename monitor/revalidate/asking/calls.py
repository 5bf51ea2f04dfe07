"""What is asked of the desk over HTTP: each call is a name, a message and an answer, in JSON both ways.

Both sides read the same table. What the desk raises becomes a status with `{"error": …}`, and that error again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec

from monitor.errors import FoldwatchError, InputError, Problem, StateBroken
from monitor.revalidate.decision import Decision
from monitor.revalidate.desk import Ask, DeskAway, Ended, Ledgered, Look, Progress, Refused, Result, Upload

if TYPE_CHECKING:
    from monitor.revalidate.desk import Desk

LOG: Final = logging.getLogger("foldwatch")
LEDGER: Final = "ledger"
PREFIX: Final = "api/v1/revalidate/"
"""Of a call's path; that of LEDGER is `api/v1/ledger`, and it is read with GET."""


_NAME: Final = 40
"""Letters of an unknown name that are repeated."""


@dataclass(frozen=True, slots=True)
class OfModel:
    """A call about one model that changes nothing."""

    model: str


@dataclass(frozen=True, slots=True)
class ByHand:
    """A call about one model that somebody makes."""

    model: str
    by: str


@dataclass(frozen=True, slots=True)
class Versions:
    """A version to be held against the one in force."""

    model: str
    candidate: str


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A run that MLflow has now."""

    run: str
    mlflow_run: str


@dataclass(frozen=True, slots=True)
class Nothing:
    """A call that says nothing."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call."""

    message: type[Any]
    answer: Any
    """Type of what comes back."""
    do: Callable[[Desk, Any], Any]
    changes: bool = True
    """Whether it may write."""


CALLS: Final[Mapping[str, Call]] = {
    "looks": Call(OfModel, Sequence[Look], lambda desk, of: desk.looks(of.model), changes=False),
    "decide": Call(Ask, Sequence[Decision], lambda desk, ask: desk.decide(ask)),
    "progress": Call(Progress, bool, lambda desk, progress: desk.progress(progress)),
    "hand-in": Call(Result, Decision, lambda desk, result: desk.hand_in(result)),
    "end": Call(Ended, Decision, lambda desk, ended: desk.end(ended)),
    "approve": Call(ByHand, Decision, lambda desk, one: desk.approve(one.model, one.by)),
    "rollback": Call(ByHand, Decision, lambda desk, one: desk.rollback(one.model, one.by)),
    "canary": Call(Versions, Mapping[str, Any], lambda desk, one: desk.canary(one.model, one.candidate), changes=False),
    LEDGER: Call(Nothing, Ledgered, lambda desk, _: desk.ledger(), changes=False),
    "uploads": Call(Nothing, Sequence[Upload], lambda desk, _: desk.uploads(), changes=False),
    "uploaded": Call(Uploaded, None, lambda desk, one: desk.uploaded(one.run, one.mlflow_run)),
}
"""Name -> call."""


class Fault(msgspec.Struct, omit_defaults=True):
    """Why a call was not answered."""

    error: str
    problems: list[Problem] = []
    """Of an InputError or a StateBroken, one by one."""


class NoCall(FoldwatchError):  # noqa: N818 - what it was, named as it is reported
    """There is no call of that name."""


class NotUnderstood(FoldwatchError):  # noqa: N818 - what it was, named as it is reported
    """The body is not the call's message."""


_STATUS: Final = (
    (NoCall, HTTPStatus.NOT_FOUND),
    (NotUnderstood, HTTPStatus.BAD_REQUEST),
    (Refused, HTTPStatus.CONFLICT),
    (InputError, HTTPStatus.BAD_REQUEST),
    (DeskAway, HTTPStatus.SERVICE_UNAVAILABLE),
    (StateBroken, HTTPStatus.INTERNAL_SERVER_ERROR),
)


def answer(desk: Desk, name: str, body: bytes) -> tuple[int, bytes]:
    """Make a call and return the status and the JSON of its answer. Whatever happens is an answer; nothing is raised.

    An empty body is the empty message.
    """
    try:
        return HTTPStatus.OK, msgspec.json.encode(_made(desk, name, body))
    except Exception as error:
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), None)
        if status is None:  # a fault of ours in one call must not end the daemon
            LOG.exception("call failed", extra={"call": name})
            return fault(HTTPStatus.INTERNAL_SERVER_ERROR, f"`{name}` failed: the daemon's log says why")
        if isinstance(error, StateBroken):
            LOG.error("call failed", extra={"call": name, "why": str(error)})  # noqa: TRY400 - a full disk needs no traceback
            return fault(status, str(error), error.problem)
        return fault(status, str(error), *(error.problems if isinstance(error, InputError) else ()))


def _made(desk: Desk, name: str, body: bytes) -> object:
    """Make a call and return what the desk says. Raises NoCall, NotUnderstood, and what the desk raises."""
    call = CALLS.get(name)
    if call is None:
        message = f"there is no call `{name[:_NAME]}`: there are {', '.join(CALLS)}"
        raise NoCall(message)
    try:
        said = msgspec.json.decode(body or b"{}", type=call.message)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        message = f"`{name}` does not understand the body: {error}"
        raise NotUnderstood(message) from None
    return call.do(desk, said)


def fault(status: HTTPStatus, error: str, *problems: Problem) -> tuple[int, bytes]:
    """Return the answer that says why there is none."""
    return status, msgspec.json.encode(Fault(error, list(problems)))


def fault_of(content: bytes) -> Fault:
    """Return why a call was not answered; what is not ours is told as the text that it is, its beginning."""
    try:
        return msgspec.json.decode(content, type=Fault)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Fault(" ".join(content[:500].decode("utf-8", "replace").split()))
