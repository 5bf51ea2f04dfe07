"""A fake PagerDuty and a fake Slack on loopback: they keep what they are sent, and refuse what the real ones would.

The rules of PagerDuty's Events API v2 were written down by hand from its public description (developer.pagerduty.com,
"Send an alert event"); nobody asked the real one. Slack's are those of an incoming webhook with attachments.

    with FakeReceivers() as receivers:
        receivers.pagerduty_url, receivers.slack_url    # for `global.pagerduty_url`, and for the file of `api_url_file`
        receivers.events, receivers.messages, receivers.refused
"""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KEY = "0123456789abcdef0123456789abcdef"
"""An integration key as PagerDuty writes them: 32 characters."""
_TEXTS = ("routing_key", "event_action", "dedup_key", "client", "client_url")
_ACTIONS = ("trigger", "acknowledge", "resolve")
_SEVERITIES = ("critical", "error", "warning", "info")
_PAYLOAD_NEEDS = ("summary", "source", "severity")
_PAYLOAD_MAY = ("timestamp", "component", "group", "class", "custom_details")
_LONGEST_SUMMARY, _LONGEST_DEDUP_KEY, _LARGEST = 1024, 255, 512 * 1024
_MARKUP = re.compile(r"<https?://[^<>|\s]+\|[^<>|]+>|&(?:amp|lt|gt);")
"""What `<`, `>` and `&` may stand for in Slack's texts: links, and themselves when they are escaped."""


class FakeReceivers:
    """Both, on one free port."""

    def __init__(self) -> None:
        """Start to listen."""
        self.events: list[dict[str, Any]] = []
        """What PagerDuty took, in order."""
        self.messages: list[dict[str, Any]] = []
        """What Slack took, in order."""
        self.refused: list[str] = []
        """What the real ones would have refused, and why."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _answering(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.pagerduty_url = f"{self.url}/v2/enqueue"
        self.slack_url = f"{self.url}/services/T0/B0/secret"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop to listen."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, path: str, body: bytes) -> tuple[int, str, str]:
        """Return status, type and text of the answer."""
        sent = json.loads(body)
        if path.startswith("/services/"):
            wrong = list(_wrong_message(sent))
            (self.refused.extend(wrong) if wrong else self.messages.append(sent))
            return (400, "text/plain", "invalid_payload") if wrong else (200, "text/plain", "ok")
        wrong = [*_wrong_event(sent), *(["larger than 512 KB"] if len(body) > _LARGEST else [])]
        if wrong:
            self.refused.extend(wrong)
            answer = {"status": "invalid event", "message": "Event object is invalid", "errors": wrong}
            return 400, "application/json", json.dumps(answer)
        self.events.append(sent)
        answer = {"status": "success", "message": "Event processed", "dedup_key": sent["dedup_key"]}
        return 202, "application/json", json.dumps(answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _wrong_event(event: Mapping[str, Any]) -> Iterator[str]:
    """Say what PagerDuty would not take."""
    known = {*_TEXTS, "payload", "links", "images"}
    yield from (f"unknown field {name}" for name in sorted(set(event) - known))
    yield from (f"{name} is no text" for name in _TEXTS if not isinstance(event.get(name, ""), str))
    if len(event.get("routing_key", "")) != len(KEY):
        yield "Length of 'routing_key' is incorrect (should be 32 characters)"
    if event.get("event_action") not in _ACTIONS:
        yield f"event_action {event.get('event_action')!r}"
    if len(event.get("dedup_key", "")) > _LONGEST_DEDUP_KEY:
        yield "dedup_key too long"
    if event.get("event_action") != "trigger" and not event.get("dedup_key"):
        yield "no dedup_key"
    for link in event.get("links") or ():
        if not re.match(r"https?://\S+$", link.get("href", "")) or set(link) - {"href", "text"}:
            yield f"link {link}"
    if event.get("event_action") == "trigger":
        yield from _wrong_payload(event.get("payload") or {})


def _wrong_payload(payload: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"payload.{name} is missing" for name in _PAYLOAD_NEEDS if not payload.get(name))
    yield from (f"unknown field payload.{name}" for name in sorted(set(payload) - {*_PAYLOAD_NEEDS, *_PAYLOAD_MAY}))
    if payload.get("severity") not in _SEVERITIES:
        yield f"payload.severity {payload.get('severity')!r}"
    if len(payload.get("summary", "")) > _LONGEST_SUMMARY:
        yield "payload.summary too long"
    if not isinstance(payload.get("custom_details", {}), dict):
        yield "payload.custom_details is no object"


def _wrong_message(message: Mapping[str, Any]) -> Iterator[str]:
    """Say what Slack would not take, or not show as it is meant."""
    attachments = message.get("attachments")
    if not attachments:
        yield "no attachment"
    for attachment in attachments or ():
        for name in ("title", "text", "fallback"):
            if not attachment.get(name):
                yield f"no {name}"
            elif re.search(r"[<>&]", _MARKUP.sub("", attachment[name])):
                yield f"unescaped {name}: {attachment[name]}"
        if not re.match(r"https?://\S+$", attachment.get("title_link", "")):
            yield f"title_link {attachment.get('title_link')!r}"


def _answering(receivers: FakeReceivers) -> type[BaseHTTPRequestHandler]:
    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            status, kind, text = receivers.take(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's word
            """Say nothing."""

    return Answering
