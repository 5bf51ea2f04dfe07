"""The desk of a daemon, reached over HTTP: the daemon decides, promotes and writes; who asks does the work."""

from __future__ import annotations

import ssl
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Self, cast

import msgspec
import urllib3
from urllib3.exceptions import HTTPError, MaxRetryError, NewConnectionError

from monitor.errors import InputError, Problem, StateBroken
from monitor.revalidate.asking.calls import (
    CALLS,
    LEDGER,
    PREFIX,
    ByHand,
    Nothing,
    OfModel,
    Uploaded,
    Versions,
    fault_of,
)
from monitor.revalidate.desk import DeskAway, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.revalidate.asking.daemon_door import Door
    from monitor.revalidate.decision import Decision
    from monitor.revalidate.desk import Ask, Ended, Ledgered, Look, Progress, Result, Upload

_CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 120.0
"""Longer than the daemon takes to say that it has no time."""
_MOST_BYTES: Final = 512 * 2**20
KNOCK: Final = "knock"
"""The call that only tells whether the token is right."""
LARGE: Final = "hand-in"
"""The call that may be larger than the others."""
LARGEST: Final = 64 * 2**20
LARGEST_ELSE: Final = 8 * 2**20
"""Bytes that a daemon takes; as monitor/serve has all of these, which is too much to import for four values."""
_AWAY: Final = frozenset({408, 429, 502, 503, 504})
"""The daemon, or a proxy before it, is there and has no time."""
_ALERTS: Final = ("certificate required", "bad certificate", "alert", "handshake failure")


class NoDaemon(DeskAway):
    """Nobody listens there, or not the daemon of this state: its token is another one."""


class DaemonDesk:
    """Asks one daemon. Each call reads the token anew; no proxy, and no redirection, ever gets it."""

    def __init__(self, door: Door) -> None:
        """Connect with the first call. Raises InputError where the files of `door` cannot be used."""
        self._door = door
        more: dict[str, Any] = {"ssl_context": door.context()} if door.url.startswith("https://") else {}
        if door.own_certificate is not None:
            more["assert_hostname"] = False
        timeout = urllib3.Timeout(connect=_CONNECT_SECONDS, read=ANSWER_SECONDS)
        self._pool = urllib3.PoolManager(num_pools=1, retries=False, timeout=timeout, **more)

    def __repr__(self) -> str:
        """Name where it is, never what opens it."""
        return f"DaemonDesk({self._door.url})"

    def close(self) -> None:
        """Let the connection go; a second call does nothing."""
        self._pool.clear()

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def require(self) -> None:
        """See to it that the daemon is there and knows our token: nothing is asked of it.

        Raises NoDaemon where nobody listens, DeskAway where nobody answers in time, InputError where the token is
        wrong; that of the state's own folder belongs to no other daemon, which is then none of ours.
        """
        status, content = self._answer("POST", f"{PREFIX}{KNOCK}", b"", self._headers())
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN} and not self._door.token_key:
            message = f"the daemon at {self._door.url} does not know the token in {self._door.token_file}"
            raise NoDaemon(message)
        if status != HTTPStatus.OK:
            self._raise(status, content)

    def looks(self, model: str) -> Sequence[Look]:
        """See Desk."""
        return cast("Sequence[Look]", self._call("looks", OfModel(model)))

    def decide(self, ask: Ask) -> Sequence[Decision]:
        """See Desk."""
        return cast("Sequence[Decision]", self._call("decide", ask))

    def progress(self, progress: Progress) -> bool:
        """See Desk."""
        return bool(self._call("progress", progress))

    def hand_in(self, result: Result) -> Decision:
        """See Desk."""
        return cast("Decision", self._call("hand-in", result))

    def end(self, ended: Ended) -> Decision:
        """See Desk."""
        return cast("Decision", self._call("end", ended))

    def approve(self, model: str, by: str) -> Decision:
        """See Desk."""
        return cast("Decision", self._call("approve", ByHand(model, by)))

    def rollback(self, model: str, by: str) -> Decision:
        """See Desk."""
        return cast("Decision", self._call("rollback", ByHand(model, by)))

    def canary(self, model: str, candidate: str) -> Mapping[str, Any]:
        """See Desk."""
        return cast("Mapping[str, Any]", self._call("canary", Versions(model, candidate)))

    def ledger(self) -> Ledgered:
        """See Desk."""
        return cast("Ledgered", self._call(LEDGER, Nothing()))

    def uploads(self) -> Sequence[Upload]:
        """See Desk."""
        return cast("Sequence[Upload]", self._call("uploads", Nothing()))

    def uploaded(self, run: str, mlflow_run: str) -> None:
        """See Desk."""
        self._call("uploaded", Uploaded(run, mlflow_run))

    def _call(self, name: str, message: object) -> object:
        """Make one call and return its answer, or raise what it raised over there."""
        headers = self._headers()
        if name == LEDGER:
            status, content = self._answer("GET", "api/v1/ledger", None, headers)
        else:
            status, content = self._answer("POST", f"{PREFIX}{name}", _small_enough(name, message), headers)
        if status != HTTPStatus.OK:
            self._raise(status, content)
        try:
            return msgspec.json.decode(content, type=CALLS[name].answer)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            remedy = "see to it that foldwatch has the same version on both sides"
            raise InputError(Problem(self._door.url, f"answers what cannot be understood ({error})", remedy)) from None

    def _headers(self) -> Mapping[str, str]:
        """Return what opens the daemon. Raises InputError."""
        return {"Authorization": f"Bearer {self._door.token()}", "Content-Type": "application/json"}

    def _answer(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Return status and content. Raises DeskAway where there is no answer, InputError where there never will be."""
        try:
            answer = self._pool.request(
                method,
                f"{self._door.url}/{path}",
                body=body,
                headers=headers,
                redirect=False,
                preload_content=False,
            )
            try:
                content = answer.read(_MOST_BYTES + 1)
            finally:
                answer.release_conn()
        except (HTTPError, OSError) as error:
            self._unanswered(error)
        if len(content) > _MOST_BYTES:
            raise InputError(Problem(self._door.url, "answers without end", "see to it that it is a foldwatch daemon"))
        return answer.status, content

    def _unanswered(self, error: Exception) -> Any:  # noqa: ANN401 - it never returns; a caller that reads on says so
        """Raise what it means that no answer came."""
        url, cause = self._door.url, _cause(error)
        if isinstance(cause, ssl.SSLCertVerificationError):
            finding = f"its certificate is not to be trusted ({cause.verify_message})"
            remedy = (
                "name the authority that signed it in `daemon.ca_file`, and a host of the certificate in `daemon.url`"
            )
            raise InputError(Problem(url, finding, remedy)) from None
        if isinstance(cause, ssl.SSLError) and any(word in str(cause).lower() for word in _ALERTS):
            finding = f"does not let us in ({(cause.reason or 'TLS').lower().replace('_', ' ')})"
            remedy = "name our certificate and its key in `daemon.cert_file` and `daemon.key_file`"
            raise InputError(Problem(url, finding, remedy)) from None
        why = (getattr(cause, "strerror", None) or str(cause) or type(cause).__name__).lower()
        text = (
            f"the daemon at {url} cannot be reached ({why}): see to it that `foldwatch run` runs, and to `daemon.url`"
        )
        refused = isinstance(cause, ConnectionRefusedError) or isinstance(error, NewConnectionError)
        raise (NoDaemon if refused else DeskAway)(text) from None

    def _raise(self, status: int, content: bytes) -> None:
        """Raise what an answer other than 200 says."""
        url, fault = self._door.url, fault_of(content)
        if status == HTTPStatus.CONFLICT:
            raise Refused(fault.error)
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            finding = "does not know the token" if status == HTTPStatus.UNAUTHORIZED else f"refuses: {fault.error}"
            remedy = f"see to the token in {self._door.token_place}, or name another file in `daemon.token_file`"
            raise InputError(Problem(url, finding, remedy))
        if status in _AWAY:
            text = f"the daemon at {url} has no time ({fault.error or status}): try again in a while"
            raise DeskAway(text)
        if status == HTTPStatus.BAD_REQUEST and fault.problems:
            raise InputError(*fault.problems)
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            problem = fault.problems[0] if fault.problems else Problem(url, fault.error, "see the daemon's log")
            raise StateBroken(problem)
        finding = f"answers {status}: {fault.error}" if fault.error else f"answers {status}"
        raise InputError(Problem(url, finding, "see to it that `daemon.url` is the address of a foldwatch daemon"))


def _small_enough(name: str, message: object) -> bytes:
    """Return a message as JSON. Raises InputError where no daemon would take it: who sends much gets no answer."""
    body = msgspec.json.encode(message)
    most = LARGEST if name == LARGE else LARGEST_ELSE
    if len(body) > most:
        finding = f"what is to be handed in is {len(body) / 2**20:.0f} MiB, the daemon takes {most // 2**20} MiB"
        raise InputError(Problem(f"the call `{name}`", finding, "build the baseline with fewer classes or segments"))
    return body


def _cause(error: BaseException) -> BaseException:
    """Return what is behind what urllib3 makes of it."""
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        inner = error.reason if isinstance(error, MaxRetryError) else error.__cause__ or error.__context__
        inner = inner or next((arg for arg in error.args if isinstance(arg, BaseException)), None)
        if inner is None:
            return error
        error = inner
    return error
