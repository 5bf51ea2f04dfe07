"""`action: {kind: webhook}`: a signed POST, sent until somebody took it, and then the wait for its result.

What is sent again carries the same `Idempotency-Key` and a signature of that moment. `on_promote` is the same request
with the decision that promoted.
"""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from monitor.clock import SECOND, SystemClock, format_duration, format_time
from monitor.config.placeholders import fill
from monitor.errors import InputError, Problem
from monitor.revalidate.actions.action import Outcome, State
from monitor.revalidate.actions.posted import Answer, NoAnswer, origin, post, retry_after
from monitor.revalidate.actions.result import await_result
from monitor.revalidate.actions.signed import IDEMPOTENCY, SIGNATURE, TIMESTAMP, signature
from monitor.revalidate.decision import Verb

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from monitor.clock import Clock
    from monitor.config.revalidation import WebhookAction
    from monitor.revalidate.actions.action import Order, Watch

LONGEST_PAUSE: Final = 60.0
"""Seconds between two tries, unless `Retry-After` asks for more."""
SHOWN: Final = 200
"""Characters of an answer in a message."""
_ENOUGH: Final = 4
"""A secret shorter than this is not looked for in answers: it would be found everywhere."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """The action. What moves it is injected: clock, chance, and the passing of time."""

    settings: WebhookAction = field(repr=False)
    clock: Clock = field(default_factory=SystemClock)
    chance: Callable[[], float] = random.random
    """In [0, 1): spreads the pauses, so that many who wait do not come back together."""
    monotonic: Callable[[], float] = time.monotonic
    pause: float = 1.0
    """Seconds before the second try; doubled with each one."""

    def run(self, order: Order, watch: Watch) -> Outcome:
        """Post until it is taken, then wait for the result, where one is configured; see `Action`."""
        deadline = self.monotonic() + self.settings.time_limit / SECOND
        taken = self._delivered(order, watch, deadline)
        if isinstance(taken, Outcome):
            return taken
        if self.settings.result is None:
            return Outcome(State.HANDED_OVER, f"{self._place}: {taken}; no `result` is configured to wait for")
        found = await_result(order.folder / self.settings.result, order, deadline, watch, monotonic=self.monotonic)
        return found if isinstance(found, Outcome) else Outcome(State.SUCCEEDED, candidate=found)

    @property
    def _place(self) -> str:
        return f"webhook {origin(self.settings.url)}"

    def _delivered(self, order: Order, watch: Watch, end: float) -> str | Outcome:
        """Return how it was taken, or how it ended otherwise."""
        tries = 0
        while not watch.cancelled.is_set():
            tries += 1
            try:
                body, headers, secrets = self._request(order)
            except InputError as error:
                return Outcome(State.FAILED, str(error))
            got = post(self.settings.url, body, headers, max(end - self.monotonic(), 0.1), self.monotonic)
            ended = self._ended(got, secrets)
            if ended is not None:
                if isinstance(got, Answer) and not isinstance(ended, Outcome):
                    watch.begun(_reference(got, self._place, order.run))
                return ended
            said = _said(got, secrets)
            pause = self._pause(got, tries)
            if self.monotonic() + pause >= end:
                limit = format_duration(self.settings.time_limit)
                finding = f"{said}, {tries} times" if tries > 1 else said
                return Outcome(
                    State.TIMED_OUT, f"{self._place}: {finding}, within `time_limit` {limit}; see whether it is well"
                )
            watch.say(f"try {tries}: {said}; again in {pause:.0f} s")
            watch.cancelled.wait(pause)
        return Outcome(State.CANCELLED, f"{self._place}: asked to end before anybody took it; run it again")

    def _request(self, order: Order) -> tuple[bytes, dict[str, str], tuple[str, ...]]:
        """Return body, headers and the secrets in them, of a try at this moment; raises InputError."""
        settings = self.settings
        body = request_body(settings.body, order)
        now = self.clock.now() // SECOND
        headers = {"Content-Type": "application/json", "Accept": "*/*", "User-Agent": "foldwatch", **settings.headers}
        headers |= {IDEMPOTENCY: request_key(order), TIMESTAMP: str(now)}
        secrets = []
        if settings.secret_file is not None:
            secret = _secret(settings.secret_file, "secret_file")
            headers[SIGNATURE] = signature(secret, now, body)
            secrets.append(secret.decode(errors="replace"))
        if settings.token_file is not None:
            token = _token(settings.token_file)
            headers["Authorization"] = f"Bearer {token}"
            secrets.append(token)
        return body, headers, (*secrets, *settings.headers.values())

    def _ended(self, got: Answer | NoAnswer, secrets: tuple[str, ...]) -> str | Outcome | None:
        """Return how it was taken, why it will not be, or None where another try may help."""
        said = _said(got, secrets)
        if isinstance(got, NoAnswer):
            remedy = _UNTRUSTED if got.for_good else None
        elif got.status < HTTPStatus.MULTIPLE_CHOICES:
            return said
        elif got.status == HTTPStatus.CONFLICT:
            return f"{said}: taken for this run, begun before"
        else:
            remedy = None if self._may_mend(got) else _REMEDIES.get(got.status, _REMEDY)
            remedy = _ELSEWHERE if got.status < HTTPStatus.BAD_REQUEST else remedy
        return None if remedy is None else Outcome(State.FAILED, f"{self._place}: {said}; {remedy}")

    def _may_mend(self, answer: Answer) -> bool:
        """Tell whether another try may help: 5xx, and 429 where it says when to come again."""
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            return retry_after(answer.retry_after, self.clock.now()) is not None
        return answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR

    def _pause(self, got: Answer | NoAnswer, tries: int) -> float:
        """Return the seconds until the next try: doubled each time, half of it by chance, never less than asked for."""
        backing_off = min(LONGEST_PAUSE, self.pause * 2.0 ** min(tries - 1, 16)) * (0.5 + 0.5 * self.chance())
        asked = retry_after(got.retry_after, self.clock.now()) if isinstance(got, Answer) else None
        return max(backing_off, asked or 0.0)


_UNTRUSTED: Final = "let SSL_CERT_FILE name its authority, or mend the certificate"
_ELSEWHERE: Final = "a signed request is not sent elsewhere: configure the address that it leads to"
_REMEDY: Final = "compare url, body and headers with what its API asks for"
_REMEDIES: Final = {
    401: "see to `token_file` and `secret_file`: it does not know us",
    403: "it knows us and does not let us: see to the rights of the token",
    404: "see to `url`: there is nothing at that path, or the token may not see it",
}


def request_key(order: Order) -> str:
    """Return the `Idempotency-Key`: the run's; telling of its promotion (`on_promote`) is another request."""
    return f"{order.run}-promoted" if order.decision.get("decision") == Verb.PROMOTED else order.run


def request_body(template: str | None, order: Order) -> bytes:
    """Return the body of an order: the template filled in, or the decision itself, as JSON."""
    decision = {
        "run": order.run,
        "model": order.model,
        "version": order.version,
        "candidate_version": order.candidate_version,
        "started": format_time(order.started),
        **order.decision,
    }
    if template is None:
        return json.dumps(decision, ensure_ascii=False, sort_keys=True).encode()
    values: Mapping[str, Any] = {
        "run": order.run,
        "model": order.model,
        "version": order.version,
        "candidate_version": order.candidate_version,
        "baseline": None if order.baseline is None else str(order.baseline),
        "started": format_time(order.started),
        "verb": decision.get("decision", ""),
        "triggered": decision.get("triggered", []),
        "reasons": decision.get("reasons", []),
        "baseline_before": decision.get("baseline_before"),
        "baseline_after": decision.get("baseline_after"),
        "decision": decision,
    }
    return fill(template, values).encode()


def _said(got: Answer | NoAnswer, secrets: tuple[str, ...]) -> str:
    """Say what came back: the first characters of an answer, with nothing in them that is secret or not printable."""
    if isinstance(got, NoAnswer):
        return got.finding
    text = got.body.decode("utf-8", errors="replace")
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "…") if len(secret) >= _ENOUGH else text
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    shown = text[:SHOWN] + ("…" if len(text) > SHOWN else "")
    return f"answered {got.status}" + (f": {shown}" if shown else "")


def _reference(answer: Answer, place: str, run: str) -> str:
    """Return what was begun there, as the answer names it: of GitHub, Airflow and Argo, else our own key."""
    try:
        told = json.loads(answer.body)
    except ValueError:
        told = None
    told = told if isinstance(told, dict) else {}
    metadata = told.get("metadata")
    named = (told.get("html_url"), told.get("dag_run_id"), metadata.get("name") if isinstance(metadata, dict) else None)
    name = next((one for one in named if isinstance(one, str) and one.isprintable() and len(one) <= SHOWN), run)
    return f"{place}: {name.partition('?')[0]}"


def _secret(path: Path, key: str) -> bytes:
    """Return the content of a secret's file, without blanks around it; raises InputError, which shows none of it."""
    try:
        content = path.read_bytes().strip()
    except OSError as error:
        raise InputError(Problem(str(path), f"`{key}` cannot be read: {error.strerror}", "see to its rights")) from None
    if not content:
        raise InputError(Problem(str(path), f"`{key}` is empty", "write one into it: `openssl rand -hex 32`"))
    return content


def _token(path: Path) -> str:
    content = _secret(path, "token_file")
    if not content.isascii() or any(letter <= ord(" ") or letter > ord("~") for letter in content):
        finding = "`token_file` holds a blank or a character that no header can carry"
        raise InputError(Problem(str(path), finding, "one token, on one line"))
    return content.decode("ascii")
